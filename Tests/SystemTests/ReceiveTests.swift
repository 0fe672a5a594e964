import Foundation
import TestSupport
import Testing

@testable import PostgresServer

@Suite struct `A receiver of syslog` {
    @Test func `takes lines by TLS from senders with a certificate, and from nobody else`() async throws {
        let folder = FileManager.default.temporaryDirectory.path + "/receive-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func shell(_ text: String) async throws -> ToolRun {
            try await ToolRun.run("/bin/bash", ["-c", "cd \(folder) && " + text], timeMax: .seconds(60))
        }
        for name in ["server", "sender"] {
            let made = try await shell(
                """
                openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout \(name).key -out \(name).pem \
                    -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost
                """)
            #expect(made.status == 0)
        }
        let port = try Loopback.freePort()
        let process = try ChildProcess.spawn(
            [
                Program.path, "logs", "receive", folder + "/in", "--port", "\(port)", "--certificate",
                folder + "/server.pem",
                "--private-key", folder + "/server.key", "--client-ca", folder + "/sender.pem",
            ], environment: ProcessInfo.processInfo.environment, directory: nil, streams: ChildProcess.Streams())
        defer { process.end(by: SIGKILL) }
        let send = "openssl s_client -quiet -no_ign_eof -connect 127.0.0.1:\(port) -CAfile server.pem"
        var text = ""
        for _ in 0..<200 where !text.contains("second") {
            _ = try await shell(
                "(printf '<34>Nov 29 02:00:00 srv sshd[7]: first\\n10 <34>second'; sleep 1) | \(send) -cert sender.pem -key sender.key"
            )
            text = (try? String(contentsOfFile: folder + "/in/127.0.0.1.log", encoding: .utf8)) ?? ""
        }
        #expect(text.contains("sshd[7]: first\n<34>second\n"), "\(text)")
        _ = try await shell("(printf '<34>stranger\\n'; sleep 1) | \(send)")
        _ = try await shell("exec 3<>/dev/tcp/127.0.0.1/\(port); printf '<34>plain\\n' >&3; sleep 1")
        let after = try String(contentsOfFile: folder + "/in/127.0.0.1.log", encoding: .utf8)
        #expect(!after.contains("stranger") && !after.contains("plain"))
    }
}
