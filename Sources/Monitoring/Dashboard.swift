internal import Foundation
internal import Web

/// A dashboard as Grafana's JSON has it, of which we use a part: docs/guides/monitoring.md says which.
public struct Dashboard: Sendable, Hashable {
    public struct Panel: Sendable, Hashable {
        public let title: String
        public let kind: String
        public let description: String
        public let unit: String
        public let queries: [String]
    }

    /// The forms of panel that the console can draw too.
    static let kinds: Set<String> = ["timeseries", "stat", "gauge", "bargauge", "table", "heatmap"]
    static let bytesMax = 1 << 20

    public let uid: String
    public let title: String
    public let panels: [Panel]

    /// Every `*.json` of the folder, by name.
    public static func all(in folder: String) throws -> [Dashboard] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        let files = names.filter { $0.hasSuffix(".json") }.sorted()
        guard !files.isEmpty else { throw MonitoringError.noDashboards(folder) }
        return try files.map { try Dashboard(path: folder + "/" + $0) }
    }

    init(path: String) throws(MonitoringError) {
        guard let data = FileManager.default.contents(atPath: path), data.count <= Self.bytesMax else {
            throw .unreadable(path, "it is not there or larger than a megabyte")
        }
        guard let json = try? JSONReader.read([UInt8](data)) else { throw .unreadable(path, "it is no JSON") }
        guard let uid = json["uid"]?.string, let title = json["title"]?.string, let panels = json["panels"]?.array
        else { throw .unreadable(path, "it has no uid, title or panels") }
        self.uid = uid
        self.title = title
        var read: [Panel] = []
        for panel in panels where panel["type"]?.string != "row" { read.append(try Self.panel(panel, path)) }
        self.panels = read
    }

    private static func panel(_ json: JSON, _ path: String) throws(MonitoringError) -> Panel {
        guard let title = json["title"]?.string, let kind = json["type"]?.string else {
            throw .unreadable(path, "a panel has no title or type")
        }
        guard kinds.contains(kind) else { throw .unreadable(path, "the panel \(title) is of the kind \(kind)") }
        let queries = (json["targets"]?.array ?? []).compactMap { $0["expr"]?.string }
        guard !queries.isEmpty else { throw .unreadable(path, "the panel \(title) asks nothing") }
        return Panel(
            title: title, kind: kind, description: json["description"]?.string ?? "",
            unit: json["fieldConfig"]?["defaults"]?["unit"]?.string ?? "", queries: queries)
    }

    /// The query with Grafana's own variables filled in.
    static func filled(_ query: String, rate: String) -> String {
        query.replacing("$__rate_interval", with: rate).replacing("$__interval", with: rate)
            .replacing("$__range", with: "1h")
    }
}
