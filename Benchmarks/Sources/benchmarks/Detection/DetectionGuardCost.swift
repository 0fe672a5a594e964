import Detection
import Foundation

/// What the web attack engine costs an ordinary request in line, in CPU time of this process.
struct DetectionGuardCost: Benchmark {
    let name = "detection-guard-cost"
    let title = "The guard in front of the gateway: CPU time of an ordinary request"
    let explanation = """
        `RequestGuard.judge` on ordinary requests of the table API: a query of its own each time, so that no memory of what
        was seen helps, the headers of a client, and every fourth time a JSON body of 400 bytes. Microseconds of CPU time a
        request; the bar is 50.
        """
    private static let requestCount = 40_000
    private static let most = 50.0

    func rounds(_ context: Context) -> String { "\(context.rounds) rounds of \(Self.requestCount) requests" }

    func run(_ context: Context) async throws -> [Row] {
        let guarding = try RequestGuard(log: nil)
        var turn = 0
        var values: [Double] = []
        var flagged = 0
        for _ in 0..<max(1, context.rounds) {
            turn += 1
            let requests = (0..<Self.requestCount).map { Self.request($0 + turn * Self.requestCount) }
            let start = Self.seconds()
            for request in requests where guarding.judge(request) != nil { flagged += 1 }
            values.append((Self.seconds() - start) * 1e6 / Double(Self.requestCount))
        }
        var row = Row(
            what: "RequestGuard.judge", values: values, unit: "µs CPU", ratios: values.map { $0 / Self.most },
            bar: .atMost(1))
        if flagged > 0 { row.failure = "\(flagged) ordinary requests were called attacks" }
        return [row]
    }

    private static func seconds() -> Double {
        var usage = rusage()
        getrusage(RUSAGE_SELF.rawValue, &usage)
        let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
        return seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }

    private static func request(_ index: Int) -> RequestGuard.Request {
        var request = RequestGuard.Request()
        (request.method, request.path, request.address) = ("GET", "/rest/v1/transactions", "203.0.113.7")
        request.query =
            "select=id,montant,libelle,comptes(iban)&compte_id=eq.\(index)&libelle=ilike.*loyer \(index)*&order=id.desc"
        request.agent = "supabase-js/2.45.4"
        request.headers = [
            ("accept", "application/json"), ("accept-profile", "public"), ("x-client-info", "supabase-js-web/2.45.4"),
            ("origin", "https://banque.example"), ("x-request-id", "r-\(index)"), ("accept-encoding", "gzip, br"),
        ]
        guard index % 4 == 0 else { return request }
        (request.method, request.contentType) = ("POST", "application/json")
        let note = String(repeating: "Merci de rappeler demain à 14 h ; ", count: 9)
        request.body = Array(#"{"libelle":"Loyer d'octobre n° \#(index)","montant":"812.50","note":"\#(note)"}"#.utf8)
        return request
    }
}
