import Foundation
import Salvage
import TestSupport
import Testing

/// A folder that somebody else has filled may hold more than files.
struct MemberTests {
    @Test func `a link or a pipe in a directory dump is neither followed nor waited for`() async throws {
        let all = try await SampleDumps.all()
        let dump = try #require(all.dumps[.directory])
        try await withTemporaryDirectory { folder in
            let copy = try dump.write(to: folder)
            let members = try FileManager.default.contentsOfDirectory(atPath: copy).filter { $0 != "toc.dat" }.sorted()
            let (linked, piped) = (copy + "/" + members[0], copy + "/" + members[1])
            let outside = folder + "/outside.dat.gz"
            try FileManager.default.moveItem(atPath: linked, toPath: outside)
            try FileManager.default.createSymbolicLink(atPath: linked, withDestinationPath: outside)
            try FileManager.default.removeItem(atPath: piped)
            #expect(mkfifo(piped, 0o600) == 0)
            let report = try DumpReader(path: copy).read(progress: { _ in }) { _ in }
            let missing = report.damage.filter { $0.kind == .memberMissing }.map(\.explanation)
            #expect(missing.count == 2, "\(missing)")
        }
    }
}
