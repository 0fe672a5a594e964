import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Automation

/// From a case of the fraud desk to the analyst's mailbox and the webhook, over real servers.
@Suite struct FraudToMailboxTests {
    private static let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

    @Test("a fraud case reaches the mailbox and the webhook, once, and the signature is the standard's")
    func fraud() async throws {
        try await MailReceiver.with { mail in
            try await HookReceiver.with { hook in
                try await Bench.with { bench in
                    try await bench.destination(
                        "fraude-courriel", "email",
                        [
                            "host": "127.0.0.1", "port": .integer(mail.port), "security": "none",
                            "sender": "banque@example.fr", "recipients": ["ana@example.fr"],
                        ])
                    try await bench.destination(
                        "fraude-webhook", "webhook", ["url": .string(hook.url)], secret: Self.secret)
                    let rounds = isLongRun ? 500 : 30
                    var times: [Double] = []
                    try await bench.running {
                        for number in 1...rounds {
                            try await bench.database.run(
                                """
                                insert into fraud.dossiers (client, montant_max_minor, alertes, priorite)
                                values (\(number), 123456, 1, 12.5)
                                """)
                            try await Task.sleep(for: .milliseconds(isLongRun ? 100 : 20))
                        }
                        try await bench.wait {
                            try await bench.count("select count(*) from automation.deliveries where status = 'sent'")
                                == 2 * rounds
                        }
                        try await bench.wait { mail.mails.count == rounds && hook.requests.count == rounds }
                    }
                    times = try await bench.database.all(
                        """
                        select extract(epoch from settled_at - event_at)::double precision from automation.deliveries
                        where status = 'sent' and step in ('courriel', 'webhook') order by 1
                        """, as: Double.self)
                    #expect(times.count == 2 * rounds)
                    if let path = ProcessInfo.processInfo.environment["DIGITALBANK_FIGURES"] {
                        let p99 = times[times.count * 99 / 100]
                        let words =
                            "fraud to mailbox and webhook: \(times.count) deliveries, median \(times[times.count / 2]) s, p99 \(p99) s, worst \(times[times.count - 1]) s\n"
                        try Figures.write(words, to: path)
                    }
                    let first = try #require(mail.mails.first)
                    #expect(first["subject"]?.string?.contains("1\u{202F}234,56\u{00A0}€") == true)
                    #expect(Set(mail.mails.compactMap { $0["key"]?.string }).count == rounds)
                    try await verify(hook.requests)
                    // What has no destination waits for one; what was sent shows no address.
                    #expect(
                        try await bench.desk.problems() == [
                            "deliveries wait for the destination fraude-equipe, which is not there"
                        ])
                    #expect(
                        try await bench.count(
                            "select count(*) from automation.deliveries where status = 'sent' and payload is not null")
                            == 0)
                }
            }
        }
    }

    private func verify(_ requests: [HookReceiver.Request]) async throws {
        let lines = requests.map { request -> String in
            let headers = request.headers.filter { $0.key.hasPrefix("webhook-") }
            let call: JSON = [
                "secret": .string(Self.secret), "body": .string(request.body),
                "headers": .object(headers.map { JSON.Member($0.key, .string($0.value)) }),
            ]
            return call.text
        }
        try await withTemporaryDirectory { folder in
            let path = folder + "/calls"
            try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: URL(filePath: path))
            let python = try await MailReceiver.python()
            let run = try await ToolRun.run(
                python, [MailReceiver.root + "/Tests/Receivers/verify.py"], inputFile: path)
            #expect(run.outputText == String(repeating: "ok\n", count: requests.count), "\(run.errorText)")
        }
    }
}

enum Figures {
    static func write(_ words: String, to path: String) throws {
        if !FileManager.default.fileExists(atPath: path) { try Data().write(to: URL(filePath: path)) }
        let file = try FileHandle(forWritingTo: URL(filePath: path))
        try file.seekToEnd()
        try file.write(contentsOf: Data(words.utf8))
        try file.close()
    }
}
