import Foundation
import PostgresServer
import Salvage
import TestSupport
import Testing

/// Damaged zstd and LZ4 data and gzip files of several members, made by the real `zstd`, `lz4` and `gzip`.
struct FrameSalvageTests {
    struct Tool: Sendable, CustomTestStringConvertible {
        let name: String
        let arguments: [String]
        /// Text pressed at a time, each in a frame of its own; nil for one frame.
        var frameBytes: Int?
        /// What at least must come back when one byte in the middle is changed.
        let leastShare: Double
        var suffix: String { ["zstd": ".zst", "lz4": ".lz4", "gzip": ".gz"][name] ?? "" }
        var testDescription: String {
            "\(name) \(arguments.joined(separator: " "))\(frameBytes == nil ? "" : ", frames")"
        }

        func press(_ text: [UInt8], in folder: String) async throws -> [UInt8] {
            let parts = stride(from: 0, to: text.count, by: frameBytes ?? max(text.count, 1)).map {
                Array(text[$0..<min($0 + (frameBytes ?? text.count), text.count)])
            }
            var pressed: [UInt8] = []
            for part in parts {
                let path = folder + "/part"
                try Data(part).write(to: URL(filePath: path))
                let run = try await ToolRun.run("/usr/bin/" + name, arguments + ["-c", "-q", path])
                try run.checked(name)
                pressed += Array(run.output)
            }
            return pressed
        }
    }

    static let tools = [
        Tool(name: "zstd", arguments: ["--check"], leastShare: 0.0),
        Tool(name: "zstd", arguments: ["--check"], frameBytes: 50_000, leastShare: 0.9),
        Tool(name: "zstd", arguments: ["--no-check"], frameBytes: 50_000, leastShare: 0.9),
        Tool(name: "gzip", arguments: ["-6"], frameBytes: 50_000, leastShare: 0.85),
        Tool(name: "lz4", arguments: ["-B4"], leastShare: 0.75),
        Tool(name: "lz4", arguments: ["-B4", "-BX"], leastShare: 0.75),
        Tool(name: "lz4", arguments: ["-B4", "-BD"], leastShare: 0.4),
        Tool(name: "lz4", arguments: ["-B4", "-BD", "--no-frame-crc"], leastShare: 0.4),
        Tool(name: "lz4", arguments: ["-B4", "-BD"], frameBytes: 200_000, leastShare: 0.7),
    ].filter { FileManager.default.isExecutableFile(atPath: "/usr/bin/" + $0.name) }

    /// The directory dump with its members pressed by `tool`; only the largest is damaged.
    private static func dump(_ source: DumpFiles, _ tool: Tool, _ folder: String) async throws -> (DumpFiles, Int) {
        var dump = source
        for (index, file) in source.files.enumerated() where file.name.hasSuffix(".dat.gz") {
            let path = folder + "/member.gz"
            try Data(file.bytes).write(to: URL(filePath: path))
            let text = try await ToolRun.run("/bin/gzip", ["-dc", path])
            try text.checked("gzip")
            dump.files[index] = (
                file.name.dropLast(3) + tool.suffix, try await tool.press(Array(text.output), in: folder)
            )
        }
        let largest = dump.files.indices.max { dump.files[$0].bytes.count < dump.files[$1].bytes.count }
        return (dump, try #require(largest))
    }

    @Test(arguments: tools)
    func `what a changed, lost or cut part of the data does not touch comes back`(tool: Tool) async throws {
        let campaign = try await Campaign(seed: 1)
        let source = try #require(campaign.all.dumps[.directory])
        try await withTemporaryDirectory { folder in
            let (sound, largest) = try await Self.dump(source, tool, folder)
            let whole = try Outcome(sound.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(whole.recovered == campaign.truth.total && whole.damage.map(\.explanation) == [])
            let size = sound.files[largest].bytes.count
            var changed = sound
            for index in (size / 2)..<(size / 2 + 8) { changed.files[largest].bytes[index] ^= 0x5A }
            var lost = sound
            lost.files[largest].bytes.removeSubrange((size / 2)..<(size / 2 + 100))
            var cut = sound
            cut.files[largest].bytes.removeLast(size / 4)
            for (name, dump) in [("changed", changed), ("lost", lost), ("cut", cut)] {
                let outcome = try Outcome(dump.write(to: folder), truth: campaign.truth, intact: [:])
                #expect(outcome.falseProven == [], "\(name)")
                #expect(outcome.falseIntact == [], "\(name)")
                #expect(!outcome.damage.isEmpty, "\(name)")
                let rest = Double(outcome.recovered - (campaign.truth.total - 9000)) / 9000
                #expect(rest >= tool.leastShare * (name == "cut" ? 0.7 : 1), "\(name): \(rest)")
            }
        }
    }

    @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/zstd")))
    func `behind a damaged block of one zstd frame likely rows come back, and none is called intact`() async throws {
        let campaign = try await Campaign(seed: 1)
        let source = try #require(campaign.all.dumps[.directory])
        try await withTemporaryDirectory { folder in
            let tool = Tool(name: "zstd", arguments: ["--no-check"], leastShare: 0)
            let (sound, largest) = try await Self.dump(source, tool, folder)
            let size = sound.files[largest].bytes.count
            var changed = sound
            for index in (size / 2)..<(size / 2 + 8) { changed.files[largest].bytes[index] ^= 0x5A }
            let outcome = try Outcome(changed.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(outcome.falseProven == [] && outcome.falseIntact == [])
            #expect(outcome.heldTrue > 0 && outcome.inferred >= outcome.heldTrue)
        }
    }

    @Test func `behind a damaged gzip member a script goes on at the next, and a member that holds is proven`()
        async throws
    {
        let campaign = try await Campaign(seed: 1)
        let source = try #require(campaign.all.dumps[.plain])
        try await withTemporaryDirectory { folder in
            let tool = Tool(name: "gzip", arguments: [], frameBytes: 100_000, leastShare: 0)
            var dump = source
            dump.files[0].bytes = try await tool.press(source.files[0].bytes, in: folder)
            let whole = try Outcome(dump.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(whole.recovered == campaign.truth.total && whole.damage.map(\.explanation) == [])
            let size = dump.files[0].bytes.count
            for index in (size / 2)..<(size / 2 + 8) { dump.files[0].bytes[index] ^= 0x5A }
            let outcome = try Outcome(dump.write(to: folder), truth: campaign.truth, intact: [:])
            #expect(outcome.falseProven == [] && outcome.falseIntact == [] && !outcome.damage.isEmpty)
            #expect(
                outcome.recovered * 10 >= campaign.truth.total * 8, "\(outcome.recovered) of \(campaign.truth.total)")
        }
    }
}
