import Foundation
import Testing

@testable import PostgresServer

/// What the image, the package and the tarball are made of is what the program needs.
@Suite struct ImageTests {
    private static func text(_ path: String) throws -> String {
        try String(contentsOfFile: MonitoringStackTests.root + "/" + path, encoding: .utf8)
    }

    private static func words(_ text: String) -> Set<String> {
        Set(text.components(separatedBy: CharacterSet(charactersIn: " \n\t\\;,")).filter { !$0.isEmpty })
    }

    /// The stages of the Dockerfile by name.
    private static func stages() throws -> [String: String] {
        var stages: [String: String] = [:]
        var name = ""
        for line in try text("deploy/docker/Dockerfile").split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("FROM ") { name = String(line.split(separator: " ").last ?? "") }
            stages[name, default: ""] += line + "\n"
        }
        return stages
    }

    @Test("the image's first stage installs every system library that Package.swift names, and what CRE2 links")
    func buildStage() throws {
        let package = try Self.text("Package.swift")
        let named = package.matches(of: /\.apt\(\[([^\]]*)\]\)/).flatMap { match in
            match.1.split { $0 == "\"" || $0 == "," || $0 == " " }.map(String.init)
        }
        #expect(named.count >= 8)
        let build = Self.words(try #require(try Self.stages()["build"]))
        let missing = Set(named + ["libre2-dev", "libmodsecurity-dev", "libcrypt-dev"]).subtracting(build)
        #expect(missing.isEmpty, "deploy/docker/Dockerfile does not install \(missing.sorted())")
    }

    @Test(
        "the image's last stage and the root of the tarball's trial have every library that the program is linked with",
        .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/objdump")))
    func runStage() async throws {
        let headers = try await ToolRun.run("/usr/bin/objdump", ["-p", Program.path])
        let libraries = headers.outputText.split(separator: "\n").compactMap { line -> String? in
            let words = line.split(separator: " ")
            guard words.first == "NEEDED", let name = words.last else { return nil }
            return String(name)
        }.filter { !["libswift", "libFoundation", "libdispatch", "libBlocks"].contains(where: $0.hasPrefix) }
        #expect(libraries.contains("libpq.so.5"))
        var packages: Set<String> = []
        for library in libraries {
            let found = try await ToolRun.run("/usr/bin/dpkg", ["-S", "*/" + library])
            let owners = found.outputText.split(separator: "\n").map { String($0.prefix { $0 != ":" }) }
            if let owner = owners.first(where: { !$0.hasSuffix("-dev") }) { packages.insert(owner) }
        }
        // What every Debian has.
        packages.subtract(["libc6", "libgcc-s1"])
        #expect(packages.contains("libxlsxwriter4") && packages.count >= 8)
        let run = Self.words(try #require(try Self.stages()["run"]))
        #expect(packages.subtracting(run).isEmpty, "not in the image: \(packages.subtracting(run).sorted())")
        #expect(run.contains("weasyprint"))
        let script = try Self.text("scripts/root-check")
        let tarball = try #require(script.range(of: "tarball)").map { script[$0.upperBound...] })
        // These come with libc's own or with PostgreSQL.
        let trial = Self.words(String(tarball)).union([
            "libcrypt1", "libssl3", "zlib1g", "libzstd1", "liblz4-1", "libstdc++6",
        ])
        #expect(packages.subtracting(trial).isEmpty, "not in root-check: \(packages.subtracting(trial).sorted())")
    }

    @Test("no password that deploy/docker/secrets makes enters a layer, and none is committed")
    func secrets() throws {
        let ignored = try Self.text(".dockerignore").split(separator: "\n")
        #expect(ignored.contains("**/secrets.d"))
        #expect(try Self.text("deploy/docker/.gitignore").contains("secrets.d/"))
        // Each secret of a compose file is made by the script.
        let script = try Self.text("deploy/docker/secrets")
        for file in ["compose.yaml", "compose.cluster.yaml"] {
            for match in try Self.text("deploy/docker/" + file).matches(of: /\.\/secrets\.d\/([a-z_]+)/) {
                #expect(script.contains(match.1), "\(file): \(match.1) is made by nobody")
            }
        }
    }

    @Test("scripts that files of deploy, scripts and the documents name are there")
    func scripts() throws {
        let root = MonitoringStackTests.root
        var texts: [(String, String)] = []
        for folder in ["deploy", "scripts", "docs", "Makefile"] {
            let paths = FileManager.default.enumerator(atPath: root + "/" + folder)?.compactMap { $0 as? String }
            for path in (paths ?? []).map({ folder + "/" + $0 }) + (paths == nil ? [folder] : []) {
                if let text = try? Self.text(path) { texts.append((path, text)) }
            }
        }
        #expect(texts.count > 50)
        for (path, text) in texts {
            for match in text.matches(of: /(?:^|[\s`("])scripts\/([a-z][a-z0-9-]*)/.anchorsMatchLineEndings()) {
                let script = "scripts/" + match.1
                #expect(FileManager.default.fileExists(atPath: root + "/" + script), "\(path) names \(script)")
            }
        }
    }

    @Test("what a compose file archives to is made and filled by somebody; who forwards to the bank is believed")
    func compose() throws {
        let one = try Self.text("deploy/docker/compose.yaml")
        let stanza = try #require(one.firstMatch(of: /--stanza=([a-z]+) archive-push/)?.1)
        #expect(try Self.text("deploy/docker/backup.sh").contains("stanza=${STANZA:-\(stanza)}"))
        #expect(try Self.text("deploy/docker/pgbackrest.conf").contains("[\(stanza)]"))
        #expect(one.contains("entrypoint: [/usr/local/bin/digitalbank-backup]"))
        let patroni = try Self.text("deploy/docker/patroni.sh")
        #expect(patroni.contains("archive_mode: 'on'") && patroni.contains("--stanza=\(stanza) archive-push %p"))
        #expect(patroni.contains("digitalbank-backup"))
        for file in ["compose.yaml", "compose.cluster.yaml"] {
            let text = try Self.text("deploy/docker/" + file)
            let subnet = try #require(text.firstMatch(of: /subnet: ([0-9.\/]+)/)?.1)
            #expect(text.contains("--trusted-proxy \(subnet)"), "\(file)")
            #expect(text.contains("evidence seal --every"), "\(file)")
        }
        #expect(one.contains("--prometheus http://prometheus:9090"))
    }

    @Test("Render's commands need no shell of Render's, and the script that they name is in the image")
    func render() throws {
        let blueprint = try Self.text("deploy/render/render.yaml")
        let commands = blueprint.matches(of: /(?:dockerCommand|preDeployCommand): (.*)/).map { String($0.1) }
        #expect(commands.count == 3)
        let start = try Self.text("deploy/render/start")
        for command in commands {
            #expect(!command.contains("$"), "\(command)")
            let words = command.split(separator: " ")
            #expect(words.dropLast() == ["/bin/sh", "/usr/share/digitalbank/deploy/render/start"])
            #expect(start.contains("\n\(words.last ?? "?"))\n"))
        }
        #expect(try Self.text("scripts/stage").contains("deploy/render"))
    }
}
