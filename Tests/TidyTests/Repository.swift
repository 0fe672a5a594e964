import Foundation

/// One text file of the repository.
struct TextFile: Sendable {
    /// Relative to the top: `Sources/Bank/Money.swift`.
    let path: String
    let text: String
    /// The file taken apart; empty for what is not Swift.
    let swift: SwiftText

    init(path: String, text: String) {
        self.path = path
        self.text = text
        swift = SwiftText(path.hasSuffix(".swift") ? text : "")
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
    var isSwift: Bool { path.hasSuffix(".swift") }
    var name: Substring { path.split(separator: "/").last ?? "" }
    /// `Sources/Bank/…` and `Tests/BankTests/…` belong to `Bank` and `BankTests`.
    var target: String? {
        let parts = path.split(separator: "/")
        return parts.count > 2 && (parts[0] == "Sources" || parts[0] == "Tests") ? String(parts[1]) : nil
    }
}

/// What a rule has against a place.
struct Violation: CustomStringConvertible, Equatable {
    let path: String
    let line: Int
    let words: String

    var description: String { "\(path):\(line): \(words)" }
}

/// The repository that this test was compiled from.
enum Repository {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let textEndings = [
        ".swift", ".sql", ".md", ".sh", ".yml", ".yaml", ".json", ".h", ".modulemap", ".c", ".toml",
    ]
    private static let textNames = ["Makefile", "run", "install-packages", ".swift-format", ".gitignore"]

    /// Every text file that is ours: hidden build folders and data left out.
    static func files() throws -> [TextFile] {
        var found: [TextFile] = []
        var folders = [""]
        while let folder = folders.popLast() {
            for name in try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).sorted()
            {
                let path = folder.isEmpty ? name : folder + "/" + name
                guard !isIgnored(path, name) else { continue }
                var isDirectory: ObjCBool = false
                let full = root.appending(path: path).path
                if FileManager.default.fileExists(atPath: full, isDirectory: &isDirectory), isDirectory.boolValue {
                    folders.append(path)
                } else if textEndings.contains(where: name.hasSuffix) || textNames.contains(name) {
                    let text = try String(contentsOf: root.appending(path: path), encoding: .utf8)
                    found.append(TextFile(path: path, text: text))
                }
            }
        }
        return found
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    private static func isIgnored(_ path: String, _ name: String) -> Bool {
        if name.hasPrefix(".") { return ![".ci", ".github", ".swift-format", ".gitignore"].contains(name) }
        return ["var", "Package.resolved"].contains(path)
    }
}
