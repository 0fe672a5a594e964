internal import Charts
internal import HTTPTypes
internal import Web

/// Monitoring boards, drawn from the same files that Grafana reads, asked of Prometheus.
enum MonitoringPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]
    static let ranges: [String: Int64] = ["1h": 3600, "6h": 21_600, "24h": 86_400, "7d": 604_800]
    static let order = ["1h", "6h", "24h", "7d"]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/supervision", desk) { call in
            let boards = await call.console.backend.tools.dashboards().compactMap(MonitorBoard.init)
            guard let first = boards.first(where: { $0.uid == "digitalbank-slo" }) ?? boards.first else {
                return .page(
                    PageView("monitor", title: call.words("monitor.title"), section: "monitor", ["is_away": true]))
            }
            return .see("/supervision/\(first.uid)")
        },
        PageRoute(.get, "/supervision/:uid", desk, asks: ["duree"], show),
        PageRoute(.get, "/supervision/:uid/export/:panel", desk, asks: ["duree", "format"], export),
    ]

    private static func range(_ call: PageCall) throws -> (name: String, seconds: Int64) {
        let name = call.asked("duree") ?? "6h"
        guard let seconds = ranges[name] else {
            throw Refused(400, "parameter_invalid", "duree is one of \(order.joined(separator: ", "))")
        }
        return (name, seconds)
    }

    /// One panel as a file: its figures, and its picture where the file can hold one.
    @Sendable private static func export(_ call: PageCall) async throws -> PageAnswer {
        let (range, seconds) = try range(call)
        let boards = await call.console.backend.tools.dashboards().compactMap(MonitorBoard.init)
        guard let board = boards.first(where: { $0.uid == call.values["uid"] }),
            let panel = board.panels.first(where: { String($0.id) == call.values["panel"] })
        else { throw Refused.notFound }
        guard let ask = call.console.backend.tools.prometheus else {
            throw Refused(503, "export_unavailable", "this server has no Prometheus to ask")
        }
        let results = await PanelReader(ask: ask, now: call.now, seconds: seconds).read([panel])
        let view = PanelView(panel: panel, result: results.first ?? .init(), call: call)
        let format = call.asked("format") ?? "csv"
        let name = "\(board.uid)-\(panel.id)"
        if ["svg", "png"].contains(format) {
            guard let (chart, size) = view.picture else {
                throw Refused(404, "panel_unpictured", "this panel is a table or a number, or has no figures")
            }
            return try await Exporter.picture(chart, size, as: format, name: name, call)
        }
        let filters = [
            board.title, call.words("monitor.range_\(range)"), call.dates.moment(Moment(seconds: call.now)),
        ]
        return try await Exporter.file(view.sheet(filters), as: format, name: name, call)
    }

    @Sendable private static func show(_ call: PageCall) async throws -> PageAnswer {
        let (range, seconds) = try range(call)
        let boards = await call.console.backend.tools.dashboards().compactMap(MonitorBoard.init)
        guard let board = boards.first(where: { $0.uid == call.values["uid"] }) else { throw Refused.notFound }
        var view: View = [
            "name": board.title, "uid": board.uid,
            "boards": boards.map { ["uid": $0.uid, "label": $0.title, "is_current": $0.uid == board.uid] as View },
            "ranges": order.map { name -> View in
                ["value": name, "label": call.words("monitor.range_\(name)"), "is_current": name == range]
            },
        ]
        for (name, value) in try await ViewPages.offer(call) { view[name] = value }
        if let ask = call.console.backend.tools.prometheus {
            let reader = PanelReader(ask: ask, now: call.now, seconds: seconds)
            let results = await reader.read(board.panels)
            view["panels"] = zip(board.panels, results).map { panel, result -> View in
                let shown = PanelView(panel: panel, result: result, call: call)
                var view = shown.view
                let formats = Exporter.formats + (shown.picture == nil ? [] : ["png", "svg"])
                let links = call.links(
                    "/supervision/\(board.uid)/export/\(panel.id)", formats, "duree=\(range)", panel.title)
                view["files"] = [["exports": links]] as [View]
                return view
            }
            view["is_silent"] = results.allSatisfy { $0.isSilent }
        } else {
            view["is_unset"] = true
            view["panels"] = board.panels.map { PanelView(panel: $0, result: .init(), call: call).view }
        }
        return .page(PageView("monitor", title: board.title, section: "monitor", view, pollSeconds: 30))
    }
}

/// A dashboard of Grafana's, as far as we draw it.
struct MonitorBoard: Sendable {
    struct Query: Sendable {
        let text: String
        let legend: String
    }

    struct Panel: Sendable {
        let id: Int
        let title: String
        let words: String
        let kind: String
        let unit: String
        let queries: [Query]
        /// Of 24 columns.
        let width: Int64
        let bound: Double?
        let levels: [(value: Double, ink: Ink)]
    }

    static let panelsMax = 60
    let uid: String
    let title: String
    let panels: [Panel]

    init?(_ json: JSON) {
        guard let uid = json["uid"]?.string, let title = json["title"]?.string else { return nil }
        self.uid = uid
        self.title = title
        panels = (json["panels"]?.array ?? []).prefix(Self.panelsMax).enumerated().compactMap { index, panel in
            guard let kind = panel["type"]?.string, kind != "row", let title = panel["title"]?.string else {
                return nil
            }
            let defaults = panel["fieldConfig"]?["defaults"]
            let steps = defaults?["thresholds"]?["steps"]?.array ?? []
            return Panel(
                id: index, title: title, words: panel["description"]?.string ?? "", kind: kind,
                unit: defaults?["unit"]?.string ?? "",
                queries: (panel["targets"]?.array ?? []).compactMap { target in
                    target["expr"]?.string.map { Query(text: $0, legend: target["legendFormat"]?.string ?? "") }
                }, width: panel["gridPos"]?["w"]?.integer ?? 12,
                bound: defaults?["max"].flatMap { Double(FraudPages.number($0)) },
                levels: steps.map { step in
                    let colour = step["color"]?.string ?? ""
                    let ink: Ink =
                        colour.contains("red") ? .negative : colour.contains("green") ? .positive : .warning
                    return (
                        step["value"].flatMap { $0.isNull ? nil : Double(FraudPages.number($0)) } ?? -.infinity, ink
                    )
                })
        }
    }
}

/// What Prometheus says of one panel.
struct PanelResult: Sendable {
    struct Line: Sendable {
        let name: String
        let labels: [(String, String)]
        /// Seconds and values, the oldest first.
        var points: [(Int64, Double)]
        var last: Double? { points.last?.1 }
    }

    var lines: [Line] = []
    /// Prometheus did not answer.
    var isSilent = false
}

/// Asks Prometheus the queries of a board, some at a time.
struct PanelReader: Sendable {
    private static let atOnce = 6
    private static let linesMax = 12

    let ask: @Sendable (String) async -> JSON?
    let now: Int64
    let seconds: Int64

    private var step: Int64 { max(seconds / 120, 15) }

    func read(_ panels: [MonitorBoard.Panel]) async -> [PanelResult] {
        await withTaskGroup(of: (Int, PanelResult).self) { group in
            var results = Array(repeating: PanelResult(), count: panels.count)
            var next = 0
            func add() {
                guard next < panels.count else { return }
                let index = next
                let panel = panels[index]
                group.addTask { (index, await read(panel)) }
                next += 1
            }
            for _ in 0..<Self.atOnce { add() }
            while let (index, result) = await group.next() {
                results[index] = result
                add()
            }
            return results
        }
    }

    private func read(_ panel: MonitorBoard.Panel) async -> PanelResult {
        var result = PanelResult()
        for query in panel.queries {
            let text = PercentEncoding.encode(Self.filled(query.text, step: step))
            let isRange = panel.kind == "timeseries" || panel.kind == "heatmap"
            // On a grid of its own, so that a picture that is read again does not flicker.
            let end = now - now % step
            let path =
                isRange
                ? "/api/v1/query_range?query=\(text)&start=\(end - seconds)&end=\(end)&step=\(step)"
                : "/api/v1/query?query=\(text)&time=\(now)"
            guard let json = await ask(path) else {
                result.isSilent = true
                continue
            }
            for line in (json["data"]?["result"]?.array ?? []).prefix(Self.linesMax) {
                result.lines.append(Self.line(line, query))
            }
        }
        result.lines = Array(result.lines.prefix(Self.linesMax))
        return result
    }

    private static func line(_ json: JSON, _ query: MonitorBoard.Query) -> PanelResult.Line {
        let labels = (json["metric"]?.members ?? []).map { ($0.name, $0.value.string ?? "") }
        let pairs = json["values"]?.array ?? json["value"].map { [$0] } ?? []
        let points = pairs.compactMap { pair -> (Int64, Double)? in
            guard let parts = pair.array, parts.count == 2, let time = Double(FraudPages.number(parts[0])),
                abs(time) < 1e12, let value = parts[1].string.flatMap(Double.init)
            else { return nil }
            return (Int64(time), value)
        }
        return PanelResult.Line(name: name(query.legend, labels), labels: labels, points: points)
    }

    /// Grafana's `{{label}}`.
    static func name(_ legend: String, _ labels: [(String, String)]) -> String {
        guard !legend.isEmpty else {
            return labels.filter { $0.0 != "__name__" }.map(\.1).joined(separator: " ")
        }
        var out = legend
        for (name, value) in labels { out = out.replacing("{{\(name)}}", with: value) }
        // A label that a series has not is nothing, as in Grafana.
        while let start = out.firstRange(of: "{{"), let end = out[start.upperBound...].firstRange(of: "}}") {
            out.removeSubrange(start.lowerBound..<end.upperBound)
        }
        return out
    }

    static func filled(_ query: String, step: Int64) -> String {
        query.replacing("$__rate_interval", with: "\(max(step * 4, 60))s").replacing("$__interval", with: "\(step)s")
            .replacing("$__range", with: "1h")
    }
}
