import Foundation
import Migrations
import Monitoring
import Postgres
import TestSupport
import Testing

@testable import Analytics

@Suite("availability from the servers' rows", .enabled(if: Star.isThere, "\(Star.absent)"))
struct AvailabilityTests {
    @Test("rows become facts by service with quantiles, late counts are taken over, measures agree")
    func facts() async throws {
        try await Star.with { bank in
            try await Migrator(bank.database).apply([try MonitoringMigrations.set()])
            // A hundred evenly spread within 10 to 20 ms, ten beyond the last bound.
            try await bank.database.run(
                """
                insert into monitoring.requetes_5min (debut, partie, requetes, erreurs, paliers, bornes_ms) values
                ('2018-06-01 10:00:00+02', '/bank/v1', 100, 1, '{0,100,0,0}', '{10,20,50}'),
                ('2018-06-01 10:00:00+02', '/cards/v1', 0, 0, '{0,0,0,0}', '{10,20,50}'),
                ('2018-06-01 10:00:00+02', '/rest/v1', 50, 0, '{50,0,0,0}', '{10,20,50}'),
                ('2018-06-01 10:00:00+02', '/fraud/v1', 50, 0, '{0,0,40,10}', '{10,20,50}')
                """)
            _ = try await BIRefresher(database: bank.database).refresh()
            func rows() async throws -> [String] {
                try await bank.database.all(
                    """
                    select s.service || ' ' || f.requetes || ' ' || f.erreurs || ' ' || round(f.p50_ms::numeric, 1) || ' '
                        || round(f.p95_ms::numeric, 1) || ' ' || f.heure_cle
                    from bi.fact_slo_5min f join bi.dim_service s using (service_cle) order by 1
                    """, as: String.self)
            }
            #expect(try await rows() == ["api 100 0 10.0 50.0 10", "paiements 100 1 15.0 19.5 10"])
            try await bank.database.run(
                "update monitoring.requetes_5min set requetes = 120, erreurs = 3 where partie = '/bank/v1'")
            _ = try await BIRefresher(database: bank.database).refresh()
            #expect(try await rows().contains { $0.hasPrefix("paiements 120 3 ") })
            let report = try await BIRefresher(database: bank.database).refresh()
            #expect(report.lines.first { $0.source == "autres" }?.count == 0)
            let availability = try await bank.database.one(
                "select (1 - sum(erreurs) / nullif(sum(requetes), 0))::double precision from bi.fact_slo_5min",
                as: Double.self)
            #expect(abs(availability - (1 - 3.0 / 220)) < 1e-9)
        }
    }

    @Test("a quantile lies within the bounds of its part")
    func quantiles() async throws {
        try await Star.with { bank in
            func quantile(_ counts: String, _ part: Double) async throws -> Double? {
                try await bank.database.run(
                    """
                    select bi.quantile(\(counts)::text::bigint[], '{1,2,4}', \(part))
                    """
                ).first?.decodeIfPresent(0)
            }
            let cases: [(String, Double, Double?)] = [
                ("{0,0,0,0}", 0.5, nil), ("{10,0,0,0}", 0.5, 0.5), ("{0,0,10,0}", 1, 4), ("{0,0,10,10}", 0.99, 4),
                ("{5,0,5,0}", 0.75, 3),
            ]
            for (counts, part, wanted) in cases {
                let found = try await quantile(counts, part)
                #expect(found == wanted, "\(counts)")
            }
        }
    }
}
