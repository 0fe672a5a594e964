import Testing

@testable import Monitoring

@Suite struct ExpositionTests {
    private func record(_ metrics: RequestMetrics, _ path: String, _ method: String = "GET", _ status: Int = 200) {
        metrics.record(
            mount: "/bank/v1", path: path, method: method, status: status, time: .milliseconds(3), id: "abc-1")
    }

    @Test("readings of one name are one family, whole numbers have no fraction")
    func families() {
        let readings = [
            Reading("digitalbank_a", .gauge, Int64(3), labels: [.init("pool", "x")], help: "A."),
            Reading("digitalbank_b_total", .counter, 2.5, help: "B."),
            Reading("digitalbank_a", .gauge, Int64(4), labels: [.init("pool", "y\"\\\n")], help: "A."),
        ]
        let text = Exposition.prometheus.text(Family.grouping(readings))
        #expect(
            text == """
                # HELP digitalbank_a A.
                # TYPE digitalbank_a gauge
                digitalbank_a{pool="x"} 3
                digitalbank_a{pool="y\\"\\\\\\n"} 4
                # HELP digitalbank_b_total B.
                # TYPE digitalbank_b_total counter
                digitalbank_b_total 2.5

                """)
    }

    @Test("OpenMetrics names a counter's family without its ending, has exemplars and an end")
    func openMetrics() {
        let metrics = RequestMetrics()
        record(metrics, "/accounts")
        let text = Exposition.openMetrics.text(metrics.families)
        #expect(text.contains("# TYPE digitalbank_http_requests counter\n"))
        #expect(text.contains("\ndigitalbank_http_requests_total{mount=\"/bank/v1\",route=\"/accounts\","))
        #expect(text.contains("le=\"0.005\"} 1 # {request_id=\"abc-1\"} 0.003 "))
        #expect(text.hasSuffix("# EOF\n"))
        #expect(!Exposition.prometheus.text(metrics.families).contains("request_id"))
        #expect(Exposition(accept: "application/openmetrics-text;version=1.0.0,text/plain;q=0.5") == .openMetrics)
        #expect(Exposition(accept: nil) == .prometheus)
    }

    @Test("what changes in a path is taken out of a route's name")
    func routes() {
        #expect(RouteName.of("/accounts/42/statement") == "/accounts/{id}/statement")
        #expect(RouteName.of("/admin/users/2f1c7f0e-8f6b-4c38-9c3f-0a6a3b1a2c55") == "/admin/users/{id}")
        #expect(RouteName.of("/rpc/who") == "/rpc/who")
        #expect(RouteName.of("/clients/Dupont%20Marie") == "/clients/{id}")
        #expect(RouteName.of(String(repeating: "/a1", count: 20)) == "other")
    }

    @Test("no client can make more series than are allowed")
    func cardinality() {
        let metrics = RequestMetrics()
        var letters = SystemRandomNumberGenerator()
        for _ in 0..<20_000 {
            let name = String(
                (0..<8).map { _ in Character(UnicodeScalar(UInt8.random(in: 97...122, using: &letters))) })
            // Half of them are answered well, which is more than a stranger gets.
            record(
                metrics, "/" + name, ["GET", "POST", "BREW"].randomElement(using: &letters) ?? "GET",
                .random(in: 200...599))
        }
        let text = Exposition.prometheus.text(metrics.families)
        let counts = text.split(separator: "\n").filter {
            $0.hasPrefix("digitalbank_http_request_duration_seconds_count")
        }
        // Those that have a name, and `other` of each method.
        #expect(counts.count <= RequestMetrics.routesMax + 7, "\(counts.count)")
        #expect(text.contains("route=\"other\",method=\"OTHER\""))
    }

    @Test("a path that is never answered well has no name")
    func strangers() {
        let metrics = RequestMetrics()
        record(metrics, "/wp-admin", "GET", 404)
        record(metrics, "/accounts", "GET", 200)
        record(metrics, "/accounts", "GET", 500)
        let text = Exposition.prometheus.text(metrics.families)
        #expect(!text.contains("wp-admin") && text.contains("route=\"other\",method=\"GET\",status=\"404\"} 1"))
        #expect(text.contains("route=\"/accounts\",method=\"GET\",status=\"500\"} 1"))
    }

    @Test("the process tells its CPU, memory and files")
    func process() throws {
        let readings = ProcessReadings.read()
        let names = Set(readings.map(\.name))
        #expect(names.isSuperset(of: ["process_cpu_seconds_total", "process_open_fds", "process_start_time_seconds"]))
        let memory = try #require(readings.first { $0.name == "process_resident_memory_bytes" })
        #expect(memory.value > 1_000_000)
    }
}
