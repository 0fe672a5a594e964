internal import Foundation

/// The log files below some folders, each rotated set in its order: the oldest first.
struct LogFiles {
    struct LogSet {
        /// What the set is called: the path without its number, its date and its compression.
        let name: String
        var files: [String]
    }

    static let filesMax = 100_000

    let sets: [LogSet]

    init(_ places: [String]) throws(DetectionError) {
        var byName: [String: [(order: String, path: String)]] = [:]
        for place in places {
            var isFolder: ObjCBool = false
            guard FileManager.default.fileExists(atPath: place, isDirectory: &isFolder) else {
                throw .unreadable(place, "it does not exist")
            }
            let paths = isFolder.boolValue ? Self.files(below: place) : [place]
            guard paths.count <= Self.filesMax else {
                throw .unreadable(place, "it holds over \(Self.filesMax) files")
            }
            for path in paths {
                let (name, order) = Self.split(path)
                byName[name, default: []].append((order, path))
            }
        }
        sets = byName.keys.sorted().map { name in
            let members = (byName[name] ?? []).sorted { ($0.order, $0.path) < ($1.order, $1.path) }
            return LogSet(name: name, files: members.map(\.path))
        }
    }

    private static func files(below folder: String) -> [String] {
        let names = (try? FileManager.default.subpathsOfDirectory(atPath: folder)) ?? []
        return names.sorted().compactMap { name in
            let path = folder + "/" + name
            let kind = try? FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType
            return kind == .typeRegular && !isForeign(path) ? path : nil
        }
    }

    /// What stands in folders of logs and is none.
    private static func isForeign(_ path: String) -> Bool {
        [".md", ".html", ".pdf", ".yml", ".yaml", ".journal", ".swp", "/README"].contains { path.hasSuffix($0) }
    }

    /// `access.log.12.gz` is of the set `access.log`, older than `access.log.2`; `x-20261020.log` is of `x.log`.
    static func split(_ path: String) -> (name: String, order: String) {
        var name = path
        for ending in [".gz", ".zst", ".zstd"] where name.hasSuffix(ending) { name.removeLast(ending.count) }
        if let dot = name.lastIndex(of: "."), let number = Int(name[name.index(after: dot)...]), number < 10_000 {
            let order = String(99_999 - number)
            return (String(name[..<dot]), "a" + order)
        }
        // A date in the name: dateext of logrotate, PostgreSQL's log_filename.
        let file = name[(name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex)...]
        if let range = file.firstRange(of: /[-_.]?20\d\d-?\d\d-?\d\d([-_T]?\d{4,6})?/) {
            return (name.replacingCharacters(in: range, with: ""), "m" + file[range])
        }
        return (name, "z")
    }
}
