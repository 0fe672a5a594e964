import Foundation
import Postgres
import PostgresServer
import TestSupport
import Testing
import Web

@testable import Automation

/// Mail over a real server.
@Suite struct MailTests {
    private static let scenario = thingScenario(
        steps: """
              - name: mail
                do: email
                to: post
                with: {to: "{{ event.kind }}", subject: "Accès n° {{ event.id }}", text: ".ligne\\nDeux"}
            """, key: "id")

    @Test("a relay that is full is asked again, one that knows nobody is not, and a dot begins a line")
    func answers() async throws {
        try await MailReceiver.with { mail in
            try await Bench.with([Self.scenario]) { bench in
                try await bench.destination(
                    "post", "email",
                    [
                        "host": "localhost", "port": .integer(mail.port), "security": "none",
                        "sender": "banque@example.fr",
                        "retry": ["first": .number("0.05"), "most": .number("0.1")],
                    ])
                for (id, to) in [
                    (1, "plein@example.fr"), (2, "inconnu@example.fr"), (3, "ana@example.fr"), (4, "a b@example.fr"),
                ] {
                    try await bench.addThings(id...id, kind: to)
                }
                try await bench.running {
                    try await bench.wait {
                        try await bench.count("select count(*) from automation.deliveries where status <> 'pending'")
                            == 4
                    }
                    try await bench.wait { mail.mails.count == 2 }
                }
                #expect(Set(mail.mails.compactMap { $0["subject"]?.string }) == ["Accès n° 1", "Accès n° 3"])
                #expect(
                    mail.mails.allSatisfy {
                        let text = $0["text"]?.string?.replacing("\r\n", with: "\n")
                        return text == ".ligne\nDeux" || text == ".ligne\nDeux\n"
                    }, "\(mail.mails.map(\.text))")
                #expect(
                    try await bench.count("select attempts from automation.deliveries where shown::text like '%p***@%'")
                        == 3)
                #expect(
                    try await bench.count(
                        "select count(*) from automation.deliveries where status = 'dead' and code = 550") == 1)
                #expect(
                    try await bench.count("select count(*) from automation.deliveries where shown::text like '%ana@%'")
                        == 0)
            }
        }
    }

    @Test("a password goes under TLS only, to a certificate that is trusted")
    func tls() async throws {
        try await withTemporaryDirectory { folder in
            let made = try await ToolRun.run(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-keyout", folder + "/key.pem", "-out", folder + "/cert.pem", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=DNS:localhost",
                ])
            try #require(made.status == 0, "\(made.errorText)")
            try await MailReceiver.with(arguments: [folder + "/cert.pem", folder + "/key.pem"]) { mail in
                for (trusts, password, status) in [
                    (true, "mot-de-passe", "sent"), (true, "faux", "dead"), (false, "mot-de-passe", "pending"),
                ] {
                    var settings = Bench.settings()
                    if trusts { settings.trustedCertificates = folder + "/cert.pem" }
                    try await Bench.with([Self.scenario], settings: settings) { bench in
                        try await bench.destination(
                            "post", "email",
                            [
                                "host": "localhost", "port": .integer(mail.port), "security": "starttls",
                                "sender": "banque@example.fr", "user": "banque",
                            ], secret: password)
                        try await bench.addThings(1...1, kind: "ana@example.fr")
                        try await bench.engine.pass()
                        let found = try await bench.database.one(
                            "select status || ' ' || attempts || ' ' || coalesce(detail, '') from automation.deliveries",
                            as: String.self)
                        #expect(found.hasPrefix("\(status) 1"), "\(found)")
                    }
                }
                #expect(mail.mails.count == 1)
                #expect(mail.mails.first?["tls"] == true && mail.mails.first?["user"] == true)
            }
        }
    }

    @Test("a message has a page beside its text, and files that come when they are there")
    func parts() async throws {
        let scenario = thingScenario(
            steps: """
                  - name: mail
                    do: email
                    to: post
                    with:
                      to: ana@example.fr
                      subject: "Accès {{ event.kind }}"
                      html: true
                      attach: ["rapport-{{ event.id }}.pdf"]
                      text: "Bonjour {{ event.kind }}\\n\\nhttps://banque.example/a?b=1&c=2"
                """)
        try await MailReceiver.with { mail in
            try await withTemporaryDirectory { folder in
                var settings = Bench.settings()
                settings.attachmentsFolder = folder
                try await Bench.with([scenario], settings: settings) { bench in
                    try await bench.destination(
                        "post", "email",
                        [
                            "host": "localhost", "port": .integer(mail.port), "security": "none",
                            "sender": "banque@example.fr",
                            "retry": ["first": .number("0.05"), "most": .number("0.1")],
                        ])
                    try await bench.addThings(7...7, kind: "<b onload=x>")
                    try await bench.engine.pass()
                    #expect(
                        try await bench.count(
                            "select count(*) from automation.deliveries where status = 'pending' and detail like '%not there%'"
                        ) == 1)
                    try Data(repeating: 65, count: 100_000).write(to: URL(filePath: folder + "/rapport-7.pdf"))
                    try await bench.wait {
                        try await bench.engine.pass()
                        return mail.mails.count == 1
                    }
                }
                let found = try #require(mail.mails.first)
                #expect(found["defects"]?.integer == 0)
                #expect(found["text"]?.string?.hasPrefix("Bonjour <b onload=x>") == true)
                let page = try #require(found["html"]?.string)
                #expect(page.contains("<p>Bonjour &lt;b onload=x&gt;</p>") && !page.contains("<b onload"))
                #expect(page.contains("<a href=\"https://banque.example/a?b=1&amp;c=2\">"))
                let file = try #require(found["files"]?.array?.first)
                #expect(file["name"]?.string == "rapport-7.pdf" && file["type"]?.string == "application/pdf")
                #expect(file["bytes"]?.integer == 100_000)
            }
        }
        for wrong in ["../etc/passwd", "a/b.pdf", ".hidden", "a\"b.pdf", "a b.pdf"] {
            #expect(!MailAttachment.isName(wrong))
        }
    }

    @Test("nothing in a value becomes a header, and long subjects are cut between characters")
    func headers() throws {
        let target = Channels.Target(
            name: "post", kind: "email",
            settings: ["host": "h", "sender": "banque@example.fr", "recipients": ["ana@example.fr"]], secret: nil,
            retry: .init())
        let subject = String(repeating: "é", count: 200) + "\r\nBcc: x@example.fr"
        let mail = try Mails.mail(
            ["subject": .string(subject), "text": "t", "at": "2026-11-29T02:00:00Z"], key: "msg_1", to: target)
        let head = mail.text.components(separatedBy: "\r\n\r\n")[0]
        #expect(head.components(separatedBy: "\r\n").allSatisfy { $0.utf8.count <= 78 && !$0.hasPrefix("Bcc") })
        #expect(head.contains("Date: Sun, 29 Nov 2026 02:00:00 +0000"))
        for wrong in ["a", "a@b>\r\nRCPT", "a@b,c@d", "é@b.fr", "a b@c.fr", "@b", "a@"] {
            #expect(!Mails.isAddress(wrong), "\(wrong)")
        }
    }

    @Test("where the first file of a list can not be made the next one goes, and the mail says so")
    func alternatives() throws {
        let payload: JSON = ["text": "x", "attach": ["rapport.xlsx", ["rapport.pdf", "rapport.html"]]]
        let folder = FileManager.default.temporaryDirectory.path + "/attach-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        func write(_ name: String) throws { try Data(name.utf8).write(to: URL(filePath: folder + "/" + name)) }
        try write("rapport.html")
        // The workbook is written behind the PDF: without it nothing is sure yet.
        #expect(throws: SendProblem.self) { try MailAttachment.read(payload, from: folder) }
        try write("rapport.xlsx")
        let without = try MailAttachment.read(payload, from: folder)
        #expect(without.files.map(\.name) == ["rapport.xlsx", "rapport.html"])
        #expect(without.notes == ["rapport.pdf n'a pas pu être fait : rapport.html est joint à sa place."])
        try write("rapport.pdf")
        let with = try MailAttachment.read(payload, from: folder)
        #expect(with.files.map(\.name) == ["rapport.xlsx", "rapport.pdf"] && with.notes.isEmpty)
        #expect(throws: SendProblem.self) {
            try MailAttachment.read(["attach": [["../rapport.pdf", "rapport.html"]]], from: folder)
        }
    }
}
