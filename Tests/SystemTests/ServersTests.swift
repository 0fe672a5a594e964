import Foundation
import TestSupport
import Testing

@testable import Platform
@testable import PostgresServer

/// Servers of one bank: their keys, their connections, and who is still there.
@Suite struct ServersTests {
    @Test("servers that start at once over one folder have one set of keys")
    func keys() async throws {
        for _ in 0..<20 {
            try await withTemporaryDirectory { folder in
                let secrets = try await withThrowingTaskGroup(of: [UInt8].self) { group in
                    for _ in 0..<8 { group.addTask { try ApiKeys.open(DataDirectory(folder)).secret } }
                    return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
                }
                #expect(secrets.count == 1)
                #expect(try FileManager.default.contentsOfDirectory(atPath: folder + "/keys") == ["api.json"])
                let rights = try FileManager.default.attributesOfItem(atPath: folder + "/keys/api.json")
                #expect((rights[.posixPermissions] as? Int) == 0o600)
            }
        }
    }

    @Test("the guides say how many connections a server takes")
    func connections() throws {
        for guide in ["scale.md", "render.md"] {
            let text = try String(
                contentsOfFile: MonitoringStackTests.root + "/docs/guides/" + guide, encoding: .utf8)
            #expect(text.contains("takes up to \(ServeDatabases.Share.all) connections"), "\(guide)")
        }
    }

    @Test("a server of the bank that nobody noted is found, however it names the folder; others are not")
    func left() async throws {
        try await withTemporaryDirectory { folder in
            let data = folder + "/bank"
            try FileManager.default.createDirectory(atPath: data, withIntermediateDirectories: true)
            func server(_ arguments: String...) throws -> ChildProcess {
                // A shell under the program's name, with its words.
                try ChildProcess.spawn(
                    [
                        "/bin/bash", "-c",
                        "cd \(folder) && exec -a /usr/bin/digitalbank /bin/bash -c 'exec 3<> <(:); read -t 600 -u 3' \"$@\"",
                        "x",
                    ] + arguments, environment: ProcessInfo.processInfo.environment, directory: nil,
                    streams: ChildProcess.Streams())
            }
            let own = [
                try server("serve", "--data-dir", data), try server("serve", "--data-dir=bank"),
                try server("serve", "--port", "0", "--data-dir", "./bank/"),
            ]
            let others = [
                try server("serve", "--data-dir", folder), try server("up", "--data-dir", data),
                try server("serve", "--database", "postgresql://x/y", "--data-dir", data), try server("serve"),
            ]
            defer {
                for process in own + others {
                    kill(process.identifier, SIGKILL)
                    while process.statusIfEnded() == nil { usleep(5000) }
                }
            }
            let wanted = own.map(\.identifier).sorted()
            for _ in 0..<1200 where ServeProcess.all(DataDirectory(data)) != wanted {
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(ServeProcess.all(DataDirectory(data)) == wanted)
        }
    }

    @Test("who is told past the bank is put into Alertmanager's configuration, and nothing else is")
    func fallback() throws {
        let text = try String(
            contentsOfFile: MonitoringStackTests.root + "/deploy/alertmanager/alertmanager.yml", encoding: .utf8)
        let told = MonitoringFiles.fallback(
            text,
            environment: [
                "DIGITALBANK_FALLBACK_EMAIL": "astreinte@banque.example",
                "DIGITALBANK_FALLBACK_SMTP": "relais.banque.example:25",
            ])
        #expect(
            told.contains("to: 'astreinte@banque.example'") && told.contains("smarthost: 'relais.banque.example:25'"))
        for wrong in ["x'\n- to: y@z", "nobody", "a b@c"] {
            #expect(MonitoringFiles.fallback(text, environment: ["DIGITALBANK_FALLBACK_EMAIL": wrong]) == text)
        }
    }

    @Test("a bank that others run is the one that is named, else the environment's where there is none here")
    func elsewhere() throws {
        let data = DataDirectory("/nonexistent/bank")
        #expect(BankDatabase.elsewhere("postgresql://a/b", data) == "postgresql://a/b")
        #expect(BankDatabase.elsewhere("", data) == nil && BankDatabase.elsewhere(nil, data) == nil)
    }

    @Test("a proxy that is misspelt keeps the server from starting")
    func proxies() throws {
        var request = ServeRequest(dataDirectory: "/nonexistent")
        request.trustedProxies = ["172.30.0.0/24", "10.0.0.0/8, 2400:cb00::/32"]
        _ = try request.believedProxies()
        request.trustedProxies = ["caddy"]
        #expect(throws: (any Error).self) { try request.believedProxies() }
    }
}
