import Foundation
import Testing

/// What people are told to type can be typed.
@Suite struct CommandNamesTests {
    private final class Command: Decodable {
        let commandName: String
        let subcommands: [Command]?
        let defaultSubcommand: String?
        let arguments: [Argument]?

        struct Argument: Decodable { let kind: String }

        /// A word that is no subcommand may be what the command is about.
        var takesWords: Bool {
            if arguments?.contains(where: { $0.kind == "positional" }) == true { return true }
            return subcommands?.first { $0.commandName == defaultSubcommand }?.takesWords ?? false
        }

        /// The first word that leads nowhere.
        func stranger(in words: ArraySlice<Substring>) -> Substring? {
            guard let word = words.first, let subcommands, !subcommands.isEmpty else { return nil }
            if let next = subcommands.first(where: { $0.commandName == word }) {
                return next.stranger(in: words.dropFirst())
            }
            return takesWords ? nil : word
        }
    }

    private struct Help: Decodable { let command: Command }

    /// Documents, scenarios and files of deploy name commands in text, the program's own sources in hints.
    private static func texts() throws -> [(path: String, text: String)] {
        let root = MonitoringStackTests.root
        var found: [(String, String)] = []
        for folder in [
            "docs", "deploy", "Sources", "README.md", "README.fr.md", "SECURITY.md", "CONTRIBUTING.md",
        ] {
            let inner = FileManager.default.enumerator(atPath: root + "/" + folder)?.compactMap { $0 as? String } ?? []
            for path in [folder] + inner.map({ folder + "/" + $0 }) {
                guard [".md", ".yml", ".yaml", ".swift", ".service", ".sh", "file"].contains(where: path.hasSuffix),
                    let text = try? String(contentsOfFile: root + "/" + path, encoding: .utf8)
                else { continue }
                found.append((path, text))
            }
        }
        return found
    }

    @Test("each command that documents, mails, runbooks, alerts, hints and deployed files name is there")
    func named() async throws {
        let help = try await Program.run("--experimental-dump-help")
        let root = try JSONDecoder().decode(Help.self, from: Data(help.output.utf8)).command
        let named = /(?:`|: |&& |exec |bin\/|^ *)digitalbank ((?:[a-z][a-z-]*)(?: [a-z][a-z-]*)*)/
            .anchorsMatchLineEndings()
        var count = 0
        for (path, text) in try Self.texts() where text.contains("digitalbank ") {
            for match in text.matches(of: named) {
                count += 1
                let words = match.1.split(separator: " ")
                // On its way: the scenarios of the RGPD name it already.
                if words.starts(with: ["privacy", "requests"]) { continue }
                guard let stranger = root.stranger(in: words[...]) else { continue }
                Issue.record("\(path) names « digitalbank \(match.1) »: there is no \(stranger)")
            }
        }
        #expect(count > 300)
        #expect(root.stranger(in: "continuity drill".split(separator: " ")[...]) == "continuity")
        #expect(root.stranger(in: "keys fetch".split(separator: " ")[...]) == "fetch")
        #expect(root.stranger(in: "recover banque de test".split(separator: " ")[...]) == nil)
    }
}
