import Foundation
import Postgres
import PostgresServer

/// What two recoveries of the same dump under the same keys must agree on.
struct RestoredState: Equatable {
    /// The report without its times and paths.
    let report: String
    /// Rows and digest of each table, without what differs by design: sealed columns (their nonces) and times of the run.
    let tables: [String: String]

    static func read(dataDirectory: String) async throws -> RestoredState {
        RestoredState(
            report: try stableReport(dataDirectory + "/report/report.json"),
            tables: try await digests(dataDirectory + "/bank"))
    }

    private static func stableReport(_ path: String) throws -> String {
        let data = try Data(contentsOf: URL(fileURLWithPath: path))
        guard var report = try JSONSerialization.jsonObject(with: data) as? [String: Any] else { return "" }
        for key in ["run", "timings", "ruleSeconds", "evidence", "protection", "dump"] { report[key] = nil }
        if var restored = report["restored"] as? [String: Any] {
            restored["connectionLine"] = nil
            report["restored"] = restored
        }
        for key in ["tables", "checks"] {
            let items = (report[key] as? [[String: Any]] ?? []).map { item in
                var item = item
                item["seconds"] = nil
                return item
            }
            report[key] = items
        }
        let stable = try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys, .prettyPrinted])
        return String(decoding: stable, as: UTF8.self)
    }

    private static func digests(_ directory: String) async throws -> [String: String] {
        let cluster = try Cluster.attach(directory)
        try await cluster.start()
        let database = Database(cluster.configuration(database: "digitalbank_restored"))
        let names = try await database.all(
            """
            select c.oid::regclass::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind = 'r' and n.nspname in ('public', 'archive') order by 1
            """, as: String.self)
        var digests: [String: String] = [:]
        for name in names {
            digests[name] = try await database.one(
                Statement(
                    unchecked: """
                        select count(*) || ' ' || coalesce(sum(hashtextextended((
                            select string_agg(key || '=' || coalesce(value, ''), ',' order by key)
                            from jsonb_each_text(to_jsonb(t))
                            where key !~ '_chiffre$' and key not in ('ouverte_le', 'booked_at', 'cree_le', 'faite_le')
                        ), 7)::numeric), 0)::text from \(name) t
                        """), as: String.self)
        }
        await database.close()
        return digests
    }
}
