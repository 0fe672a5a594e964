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
