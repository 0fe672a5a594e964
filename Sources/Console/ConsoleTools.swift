public import Web

/// What the console asks of its server beyond the bank's API. What is not there leaves its pages without that part.
public struct ConsoleTools: Sendable {
    /// A page of HTML as PDF; nil where nothing typesets.
    public var typeset: @Sendable (String) async -> [UInt8]? = { _ in nil }
    /// A picture of SVG as PNG; nil where nothing paints.
    public var paint: @Sendable (String) async -> [UInt8]? = { _ in nil }
    /// Nil where the bank is not on this server.
    public var drills: ConsoleDrills?
    /// Prometheus's answer to a path with its query (`/api/v1/query_range?…`); nil where none is configured.
    public var prometheus: (@Sendable (String) async -> JSON?)?
    /// Grafana's dashboards as their files have them, by name.
    public var dashboards: @Sendable () async -> [JSON] = { [] }

    /// Nil where no figures are kept: dashboards read the operations themselves then, and show none of them.
    public var figures: ConsoleFigures?

    /// Hears what a page failed on, beside the number that the page shows to whoever asked for it.
    public var report: @Sendable (_ requestID: String, _ path: String, _ error: any Error) -> Void = { _, _, _ in }

    public init() {}
}

/// Drills that are started from a page.
public struct ConsoleDrills: Sendable {
    public struct Started: Sendable {
        public var scenario: String
        /// Unix seconds.
        public var at: Int64
        /// Who asked for it.
        public var by: String
        /// Nil while it runs.
        public var passed: Bool?
        public var lines: [String]

        public init(scenario: String, at: Int64, by: String, passed: Bool? = nil, lines: [String] = []) {
            self.scenario = scenario
            self.at = at
            self.by = by
            self.passed = passed
            self.lines = lines
        }
    }

    public var scenarios: [String]
    /// False while another one runs.
    public var start: @Sendable (_ scenario: String, _ by: String) -> Bool
    /// Those since this server began, the newest first.
    public var started: @Sendable () -> [Started]

    public init(
        scenarios: [String], start: @escaping @Sendable (_ scenario: String, _ by: String) -> Bool,
        started: @escaping @Sendable () -> [Started]
    ) {
        self.scenarios = scenarios
        self.start = start
        self.started = started
    }
}
