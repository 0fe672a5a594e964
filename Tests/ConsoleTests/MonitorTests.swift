import Charts
import Foundation
import Synchronization
import Testing
import Web

@testable import Console

@Suite("monitoring boards") struct MonitorTests {
    private static let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "deploy/grafana/dashboards").path

    private final class Asked: Sendable {
        let paths = Mutex<[String]>([])
    }

    private static func boards() throws -> [MonitorBoard] {
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".json") }
            .sorted()
        return try names.map { name in
            let data = try #require(FileManager.default.contents(atPath: folder + "/" + name))
            return try #require(MonitorBoard(try JSONReader.read(Array(data))), "\(name)")
        }
    }

    @Test("every panel of every Grafana file is one that the console draws")
    func kinds() throws {
        let drawn: Set<String> = ["timeseries", "stat", "gauge", "bargauge", "table", "heatmap"]
        for board in try Self.boards() {
            #expect(!board.panels.isEmpty)
            for panel in board.panels {
                #expect(drawn.contains(panel.kind), "\(board.uid) / \(panel.title): \(panel.kind)")
                #expect(!panel.queries.isEmpty && !panel.title.isEmpty, "\(board.uid)")
            }
        }
    }

    @Test("a panel asks with Grafana's variables filled in, and names its lines as Grafana does")
    func asked() async throws {
        let asked = Asked()
        let answer: JSON = [
            "data": [
                "result": [
                    [
                        "metric": ["mount": "/rest/v1", "__name__": "x"],
                        "values": [[.integer(1000), "1.5"], [.integer(1060), "NaN"], [.integer(1120), "2.5"]],
                    ]
                ]
            ]
        ]
        let reader = PanelReader(
            ask: { path in
                asked.paths.withLock { $0.append(path) }
                return answer
            }, now: 100_000, seconds: 21_600)
        let board = try #require(try Self.boards().first { $0.uid == "digitalbank-api" })
        let results = await reader.read(board.panels)
        let paths = asked.paths.withLock { $0 }
        #expect(paths.count == board.panels.map(\.queries.count).reduce(0, +))
        #expect(paths.allSatisfy { !$0.contains("%24__") && !$0.contains("$__") && $0.hasPrefix("/api/v1/query") })
        let place = try #require(board.panels.firstIndex { $0.title == "Débit par partie" })
        #expect(results[place].lines.map(\.name) == ["/rest/v1"])
        #expect(results[place].lines[0].points.count == 3 && results[place].lines[0].points[2].1 == 2.5)
    }

    @Test("a Prometheus that does not answer, or answers nonsense, leaves an empty panel")
    func away() async throws {
        let board = try #require(try Self.boards().first)
        let silent = await PanelReader(ask: { _ in nil }, now: 100_000, seconds: 3600).read(board.panels)
        #expect(silent.allSatisfy { $0.isSilent && $0.lines.isEmpty })
        let odd: [JSON] = [
            .null, .string("x"), ["data": .null], ["data": ["result": "x"]],
            ["data": ["result": [["metric": .null, "value": [.string("x"), .null]]]]],
            ["data": ["result": [["values": [[.integer(1), "abc"], [.null], []]]]]],
        ]
        for json in odd {
            let results = await PanelReader(ask: { _ in json }, now: 100_000, seconds: 3600).read(board.panels)
            #expect(results.allSatisfy { $0.lines.allSatisfy { $0.points.isEmpty } })
        }
    }
}
