internal import Analytics
internal import Console
internal import Continuity
internal import Diagnostics
internal import Foundation
#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif
internal import PostgresServer
internal import Synchronization
internal import Web

/// What the console's pages need of this machine: a typesetter, drills, Prometheus, the dashboards' files.
enum ConsoleEquipment {
    static func make(_ request: ServeRequest, _ analytics: AnalyticsService?) -> ConsoleTools {
        let data = DataDirectory(request.dataDirectory)
        let shop = PaperShop()
        var tools = ConsoleTools()
        tools.typeset = { html in
            await shop.make("weasyprint", from: html, ".html", ".pdf") { ["--quiet", $0, $1] }
        }
        tools.paint = { svg in
            await shop.make("rsvg-convert", from: svg, ".svg", ".png") { ["--zoom", "2", "--output", $1, $0] }
        }
        // Drills restore files: they run where the bank's files are.
        if request.database == nil { tools.drills = DrillDesk(dataDirectory: data.path).drills }
        let asked = request.prometheus
        tools.prometheus = { path in
            guard let url = asked ?? MonitoringStack.running(data)?.url("prometheus") else { return nil }
            return await PrometheusAsker.answer(url, path)
        }
        if asked == nil, MonitoringStack.running(data) == nil { tools.prometheus = nil }
        tools.figures = analytics.map { figures(BoardFigures($0)) }
        tools.dashboards = { dashboards() }
        tools.report = { request, path, error in
            FileHandle.standardError.write(Data("console: \(path) (\(request)): \(error)\n".utf8))
        }
        return tools
    }

    private static func figures(_ board: BoardFigures) -> ConsoleFigures {
        ConsoleFigures(
            board: { days, span, kind in
                var chosen: (from: CivilDate, to: CivilDate)?
                if let span, let from = CivilDate(span.from), let to = CivilDate(span.to) { chosen = (from, to) }
                return try await board.board(
                    days: days, span: chosen, kind: kind, now: Int64(Date().timeIntervalSince1970))
            },
            rows: { ask, most in
                guard let from = CivilDate(ask.from), let to = CivilDate(ask.to) else { return [] }
                var wanted = FactAsk(CubeFilter(from: from, to: to, kind: ask.kind))
                (wanted.hour, wanted.weekday, wanted.size) = (ask.hour, ask.weekday, ask.size)
                (wanted.department, wanted.account) = (ask.department, ask.account)
                (wanted.fromType, wanted.toType) = (ask.fromType, ask.toType)
                wanted.after = ask.after.flatMap(FactAsk.Position.init)
                return try await board.rows(wanted, most: most)
            })
    }

    /// Grafana's files as they are; none where the folder is not there.
    private static func dashboards() -> [JSON] {
        guard let folder = DeployFolder.path.map({ $0 + "/grafana/dashboards" }) else { return [] }
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        return names.filter { $0.hasSuffix(".json") }.compactMap { name in
            FileManager.default.contents(atPath: folder + "/" + name).flatMap { try? JSONReader.read(Array($0)) }
        }
    }
}

/// Prometheus's interface, as the console's boards ask it.
private enum PrometheusAsker {
    private static let secondsMax: TimeInterval = 10
    private static let bytesMax = 8 << 20

    /// Nil when it is away, refuses, or says more than a page can show.
    static func answer(_ base: String, _ path: String) async -> JSON? {
        guard let address = URL(string: (base.hasSuffix("/") ? String(base.dropLast()) : base) + path) else {
            return nil
        }
        var request = URLRequest(url: address)
        request.timeoutInterval = secondsMax
        guard let (data, response) = try? await URLSession.shared.data(for: request), data.count <= bytesMax,
            (response as? HTTPURLResponse)?.statusCode == 200
        else { return nil }
        return try? JSONReader.read(Array(data))
    }
}

/// Tools that make a file of another one. So many at once at most: a page must not fill the machine with them.
private final class PaperShop: Sendable {
    private static let atOnce = 2
    private static let timeMax: Duration = .seconds(60)
    private let running = Mutex(0)

    func make(
        _ tool: String, from text: String, _ from: String, _ to: String,
        arguments: @Sendable (String, String) -> [String]
    ) async -> [UInt8]? {
        guard let path = Tools.find(tool), enter() else { return nil }
        defer { running.withLock { $0 -= 1 } }
        let base = FileManager.default.temporaryDirectory.path + "/feuille-\(UInt64.random(in: .min ... .max))"
        defer {
            try? FileManager.default.removeItem(atPath: base + from)
            try? FileManager.default.removeItem(atPath: base + to)
        }
        do {
            try Data(text.utf8).write(to: URL(filePath: base + from))
            let run = try await ToolRun.run(path, arguments(base + from, base + to), timeMax: Self.timeMax)
            guard run.status == 0 else { return nil }
        } catch {
            return nil
        }
        return FileManager.default.contents(atPath: base + to).map { Array($0) }
    }

    private func enter() -> Bool {
        running.withLock { count in
            guard count < Self.atOnce else { return false }
            count += 1
            return true
        }
    }
}

/// Drills that somebody starts from a page: one at a time, followed by all who look.
private final class DrillDesk: Sendable {
    private static let keptMax = 20
    private let dataDirectory: String
    private let started = Mutex<[ConsoleDrills.Started]>([])

    init(dataDirectory: String) { self.dataDirectory = dataDirectory }

    var drills: ConsoleDrills {
        ConsoleDrills(
            scenarios: Drill.Scenario.allCases.map(\.rawValue), start: { self.start($0, by: $1) },
            started: { self.started.withLock { $0 } })
    }

    private func start(_ scenario: String, by person: String) -> Bool {
        let isFirst = started.withLock { started in
            guard !started.contains(where: { $0.passed == nil }) else { return false }
            let now = Int64(Date().timeIntervalSince1970)
            started.insert(.init(scenario: scenario, at: now, by: person), at: 0)
            started.removeLast(max(started.count - Self.keptMax, 0))
            return true
        }
        guard isFirst else { return false }
        // Ends with the drill; with the process at the latest, which leaves a clean room that the next drill removes.
        Task { await run(scenario) }
        return true
    }

    private func run(_ scenario: String) async {
        let result: (lines: [String], passed: Bool)
        do {
            result = try await ContinuityService.drill(
                dataDirectory: dataDirectory, scenario: scenario, label: nil, keepsFailed: false)
        } catch let fault as any Fault {
            result = ([fault.message, fault.hint], false)
        } catch {
            result = (["\(error)"], false)
        }
        started.withLock { started in
            guard let place = started.firstIndex(where: { $0.passed == nil }) else { return }
            started[place].passed = result.passed
            started[place].lines = result.lines
        }
    }
}
