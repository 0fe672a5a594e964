import CLZ4
import CZstd
import Foundation
import TestSupport
import Testing

@testable import Salvage

/// Archives of every version that pg_dump 9.6 to 17 writes, made from a real one of pg_dump 15.
///
/// `OlderArchive` parses and writes the format after PostgreSQL's pg_backup_archiver.c (WriteHead, WriteToc) on its own: it
/// shares no code with the reader.
struct ArchiveVersionTests {
    @Test(arguments: [12, 13, 14, 15, 16], [SampleFormat.custom, .customPlain, .directory])
    func `an archive of each version gives every row`(minor: Int, format: SampleFormat) async throws {
        let campaign = try await Campaign(seed: 1)
        let source = try #require(campaign.all.dumps[format])
        var dump = source
        let index = try #require(dump.files.firstIndex { $0.name == (format == .directory ? "toc.dat" : "") })
        dump.files[index].bytes = try OlderArchive.convert(source.files[index].bytes, toMinor: minor)
        #expect((dump.files[index].bytes == source.files[index].bytes) == (minor == 14))
        let layout = try #require(campaign.layouts[format])
        let converted = dump
        try await withTemporaryDirectory { folder in
            let path = try converted.write(to: folder)
            let reader = try DumpReader(path: path, shapes: [])
            #expect(reader.inspection.archiveVersion?.hasPrefix("1.\(minor)") == true)
            #expect(reader.inspection.damage.map(\.explanation) == [])
            let outcome = try Outcome(
                path, truth: campaign.truth, intact: layout.intactRows(Wound.none(source), format))
            #expect(outcome.kept == campaign.truth.total, "\(outcome.missed)")
            #expect(outcome.falseIntact == [] && outcome.falseProven == [] && outcome.suspects == 0)
            #expect(outcome.damage.map(\.explanation) == [])
        }
    }

    @Test(arguments: [PressedBy.lz4, .zstd], [SampleFormat.custom, .directory])
    func `lz4 and zstd of pg_dump 16 and 17 are read, and up to a cut when they are cut`(
        algorithm: PressedBy, format: SampleFormat
    ) async throws {
        let campaign = try await Campaign(seed: 1)
        let dump = try OlderArchive.press(
            try #require(campaign.all.dumps[format == .custom ? .customPlain : .directory]), algorithm, format)
        try await withTemporaryDirectory { folder in
            let whole = try Outcome(dump.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(whole.recovered == campaign.truth.total && whole.damage.map(\.explanation) == [])
            #expect(whole.falseIntact == [] && whole.falseProven == [])
            var cut = dump
            let largest = try #require(cut.files.indices.max { cut.files[$0].bytes.count < cut.files[$1].bytes.count })
            cut.files[largest].bytes.removeLast(cut.files[largest].bytes.count / 4)
            let outcome = try Outcome(cut.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(outcome.falseIntact == [] && outcome.falseProven == [])
            #expect(!outcome.damage.isEmpty)
            #expect(outcome.recovered * 2 > campaign.truth.total, "\(outcome.recovered)")
        }
    }

    @Test func `a version that nobody has written yet is named, and its rows come by carving`() async throws {
        let campaign = try await Campaign(seed: 1)
        let source = try #require(campaign.all.dumps[.custom])
        var dump = source
        dump.files[0].bytes[6] = 99
        let unknown = dump
        try await withTemporaryDirectory { folder in
            let outcome = try Outcome(unknown.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(outcome.recovered == campaign.truth.total)
            #expect(outcome.damage.contains { $0.explanation.contains("1.99") }, "\(outcome.damage)")
        }
    }
}

/// The compression that pg_dump 16 brought.
enum PressedBy: Int, Sendable {
    case lz4 = 2, zstd

    var suffix: String { self == .lz4 ? ".lz4" : ".zst" }

    /// One frame, as pg_dump writes it: without a checksum of the content.
    func press(_ text: [UInt8]) throws -> [UInt8] {
        switch self {
        case .lz4:
            var out = [UInt8](repeating: 0, count: LZ4F_compressFrameBound(text.count, nil))
            let count = LZ4F_compressFrame(&out, out.count, text, text.count, nil)
            guard LZ4F_isError(count) == 0 else { throw OlderArchive.Unreadable() }
            return Array(out[..<count])
        case .zstd:
            var out = [UInt8](repeating: 0, count: ZSTD_compressBound(text.count))
            let count = ZSTD_compress(&out, out.count, text, text.count, 3)
            guard ZSTD_isError(count) == 0 else { throw OlderArchive.Unreadable() }
            return Array(out[..<count])
        }
    }
}

extension OlderArchive {
    /// The same dump with its data compressed in another way, as version 1.16.
    static func press(_ dump: DumpFiles, _ algorithm: PressedBy, _ format: SampleFormat) throws -> DumpFiles {
        guard format == .directory else {
            return DumpFiles(files: [("", try pressCustom(dump.files[0].bytes, algorithm))])
        }
        var pressed = dump
        for (index, file) in dump.files.enumerated() {
            if file.name == "toc.dat" {
                pressed.files[index].bytes = try convert(file.bytes, toMinor: 16, algorithm: algorithm.rawValue)
            } else if file.name.hasSuffix(".dat.gz") {
                var text: [UInt8] = []
                let decoder = try Codec.gzip.decoder()
                try file.bytes.withUnsafeBufferPointer { bytes in
                    try decoder.decode(bytes) { text.append(contentsOf: $0) }
                }
                pressed.files[index] = (file.name.dropLast(3) + algorithm.suffix, try algorithm.press(text))
            }
        }
        return pressed
    }

    /// Each block's chunks as one frame in chunks of 4 KiB, none of whose places is noted.
    private static func pressCustom(_ archive: [UInt8], _ algorithm: PressedBy) throws -> [UInt8] {
        let (head, start) = try rewrite(archive, 16, shift: nil, algorithm: algorithm.rawValue)
        var input = Input(bytes: archive, at: start)
        var output = Output(bytes: head)
        while input.at < archive.count {
            output.bytes.append(try input.byte())
            output.int(try input.int())
            var text: [UInt8] = []
            while case let count = try input.int(), count > 0 {
                for _ in 0..<count { text.append(try input.byte()) }
            }
            let frame = try algorithm.press(text)
            for from in stride(from: 0, to: frame.count, by: 4096) {
                let chunk = Array(frame[from..<min(from + 4096, frame.count)])
                output.string(chunk)
            }
            output.int(0)
        }
        return output.bytes
    }
}

/// A real archive in the layout of another version.
enum OlderArchive {
    struct Unreadable: Error {}

    private struct Input {
        let bytes: [UInt8]
        var at = 0

        mutating func byte() throws -> UInt8 {
            guard at < bytes.count else { throw Unreadable() }
            at += 1
            return bytes[at - 1]
        }

        mutating func int() throws -> Int {
            let isNegative = try byte() == 1
            var value = 0
            for shift in 0..<4 { value |= Int(try byte()) << (8 * shift) }
            return isNegative ? -value : value
        }

        mutating func string() throws -> [UInt8]? {
            let count = try int()
            guard count >= 0 else { return nil }
            guard at + count <= bytes.count else { throw Unreadable() }
            at += count
            return Array(bytes[(at - count)..<at])
        }
    }

    private struct Output {
        var bytes: [UInt8] = []

        mutating func int(_ value: Int) {
            bytes.append(value < 0 ? 1 : 0)
            for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: abs(value) >> (8 * shift))) }
        }

        mutating func string(_ text: [UInt8]?) {
            int(text?.count ?? -1)
            bytes += text ?? []
        }
    }

    static func convert(_ archive: [UInt8], toMinor minor: Int, algorithm: Int? = nil) throws -> [UInt8] {
        let (head, oldStart) = try rewrite(archive, minor, shift: 0, algorithm: algorithm)
        // Every position in the file moves with the beginning of the data.
        let (moved, _) = try rewrite(archive, minor, shift: head.count - oldStart, algorithm: algorithm)
        return moved + archive[oldStart...]
    }

    /// Header and table of contents, and where they ended in the original. No `shift`: no position is noted.
    private static func rewrite(
        _ archive: [UInt8], _ minor: Int, shift: Int?, algorithm: Int?
    ) throws -> ([UInt8], Int) {
        var input = Input(bytes: archive)
        var output = Output()
        for _ in 0..<11 { output.bytes.append(try input.byte()) }
        guard output.bytes[6] == 14 else { throw Unreadable() }
        let isCustom = output.bytes[10] == 1
        output.bytes[6] = UInt8(minor)
        let compression = try input.int()
        // -1 is zlib's default level; the algorithms are none, gzip, lz4, zstd.
        let algorithm = UInt8(algorithm ?? (compression == 0 ? 0 : 1))
        if minor >= 15 { output.bytes.append(algorithm) } else { output.int(compression) }
        for _ in 0..<7 { output.int(try input.int()) }
        for _ in 0..<3 { output.string(try input.string()) }
        let count = try input.int()
        output.int(count)
        for _ in 0..<count { try entry(&input, &output, minor, isCustom: isCustom, shift) }
        return (output.bytes, input.at)
    }

    private static func entry(
        _ input: inout Input, _ output: inout Output, _ minor: Int, isCustom: Bool, _ shift: Int?
    ) throws {
        output.int(try input.int())
        output.int(try input.int())
        for _ in 0..<4 { output.string(try input.string()) }
        output.int(try input.int())
        // Definition, DROP and COPY statements, schema, tablespace.
        for _ in 0..<5 { output.string(try input.string()) }
        let accessMethod = try input.string()
        if minor >= 14 { output.string(accessMethod) }
        if minor >= 16 { output.int(Int(UInt8(ascii: "r"))) }
        for _ in 0..<2 { output.string(try input.string()) }
        while let dependency = try input.string() { output.string(dependency) }
        output.string(nil)
        guard isCustom else { return output.string(try input.string()) }
        let flag = try input.byte()
        output.bytes.append(flag == 2 && shift == nil ? 1 : flag)
        var position = 0
        for byte in 0..<8 { position |= Int(try input.byte()) << (8 * byte) }
        if flag == 2 { position += shift ?? 0 }
        for byte in 0..<8 { output.bytes.append(UInt8(truncatingIfNeeded: position >> (8 * byte))) }
    }
}
