import Foundation
import HTTPTypes
import Postgres
import PostgresServer
import Rest
import TestSupport
import Testing
import Web

@testable import Gateway
@testable import Privacy

/// What noting reads costs, in CPU of this process and of PostgreSQL's: the same reads with and without, in turn. Long rounds
/// only, and alone on the machine; the figure goes where `DIGITALBANK_FIGURES` says.
@Suite(.enabled(if: isLongRun, "long rounds only"), .serialized) struct ReadCostTests {
    private static let reads = 2_000
    private static let rounds = 9

    @Test("reads by staff that are noted cost little more than the same reads that are not") func cost() async throws {
        try await PrivacyStage.run { stage in
            let cache = SchemaCache(database: stage.database, schemas: ["public"])
            try await cache.reload()
            let rest = RestService(database: stage.database, cache: cache, settings: RestSettings())
            let plain = Mount("/rest/v1") { request, actor in
                guard let actor else { return .json("{}", status: .unauthorized) }
                return await rest.handle(request, actor: actor)
            }
            let reads = stage.desk.tableReads
            let noted = plain.noting { reads.note($0.request, $0.actor, range: $0.range, schema: $0.schema) }
            reads.explain { path, select, schema, actor in
                rest.shown(path: path, select: select, schema: schema, actor: actor)?.map {
                    TableReads.Shown(relation: $0.relation, columns: $0.columns)
                }
            }
            let claims: JSON = ["sub": "ana", "role": "service_role", "app_metadata": ["role": "analyst"]]
            let actor = Actor(role: "service_role", claims: claims.text, subject: "ana")
            let server = try await Self.postmaster()
            var shares: [Double] = []
            var costs: [(plain: Double, noted: Double)] = []
            for _ in 0..<Self.rounds {
                let before = try await Self.spent(plain, actor, server) {}
                // As the server does it: a batch each second, here one for each round.
                let after = try await Self.spent(noted, actor, server) { try await reads.flush() }
                shares.append(after / before - 1)
                costs.append((before, after))
            }
            let (low, middle) = (shares.sorted().first ?? 0, shares.sorted()[Self.rounds / 2])
            let plainCost = costs.map(\.plain).sorted()[Self.rounds / 2]
            let line = String(
                format: "noted reads: %+.1f %% of CPU at the median, %+.1f %% at best (%.0f µs a read without)",
                middle * 100, low * 100, plainCost / Double(Self.reads) * 1e6)
            try Figures.note(line)
            let rows = try await stage.count(
                "select coalesce(sum(requests), 0)::bigint from privacy.table_reads where reader = 'ana'")
            #expect(rows == Int64(Self.rounds * Self.reads))
            #expect(low < 0.05, "\(line)")
        }
    }

    private static func spent(
        _ mount: Mount, _ actor: Actor, _ server: Int32, _ end: () async throws -> Void
    ) async throws -> Double {
        let start = cpu(server)
        for number in 0..<reads {
            let answer = await mount.handle(
                ApiRequest(
                    method: .get, path: "/clients", query: "select=id,numero,email_chiffre&numero=eq.\(number % 12 + 1)"
                ),
                actor)
            guard answer.status == .ok else { throw Refused(words: "\(answer.status)") }
        }
        try await end()
        return cpu(server) - start
    }

    struct Refused: Error { let words: String }

    private static func postmaster() async throws -> Int32 {
        let file = try await TestCluster.shared().dataDirectory + "/postmaster.pid"
        let first = try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").first
        return try #require(first.flatMap { Int32($0) })
    }

    /// Seconds of this process, of the postmaster's ended children and of those that live.
    private static func cpu(_ postmaster: Int32) -> Double {
        var own = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &own)
        var ticks = 0
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] where Int32(name) != nil {
            guard let text = try? String(contentsOfFile: "/proc/\(name)/stat", encoding: .utf8),
                let end = text.lastIndex(of: ")")
            else { continue }
            let words = text[text.index(after: end)...].split(separator: " ").map(String.init)
            guard words.count > 14 else { continue }
            if Int32(name) == postmaster {
                ticks += words[11...14].compactMap { Int($0) }.reduce(0, +)
            } else if Int32(words[1]) == postmaster {
                ticks += words[11...12].compactMap { Int($0) }.reduce(0, +)
            }
        }
        return Double(own.tv_sec) + Double(own.tv_nsec) / 1e9 + Double(ticks) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }
}
