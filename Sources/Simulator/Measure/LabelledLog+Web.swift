extension LabelledLog {
    /// Requests as an access log has them: attacks of seventeen classes, written in many ways, among what clients ask.
    public static func web(attacks: Int, ordinary: Int, seed: UInt64) throws -> LabelledLog {
        var log = LabelledLog(name: "web", file: "access.log", unit: .line)
        var random = SeededRandom(seed: seed, stream: "labelled web")
        let payloads = try LabelledTexts("attacks.txt").texts
        let targets = try LabelledTexts("ordinary.txt").texts.map(\.text)
        let byKind = Dictionary(grouping: payloads, by: \.kind)
        let kinds = byKind.keys.sorted()
        var (bad, good) = (0, 0)
        while bad < attacks || good < ordinary {
            if good < ordinary, bad >= attacks || random.below(attacks + ordinary) >= attacks {
                let target = LabelledTexts.expand(random.pick(targets), hidesSpaces: false, &random)
                log.add(line(browser(target), log.lines.count, ordinaryStatus(&random), &random), nil)
                good += 1
            } else {
                // Each class as often as the others, each payload of a class in turn.
                let kind = kinds[bad % kinds.count]
                let list = byKind[kind] ?? []
                let pattern = list[bad / kinds.count % max(1, list.count)].text
                log.add(line(attack(kind, pattern, &random), log.lines.count, random.pick(statuses), &random), kind)
                bad += 1
            }
        }
        return log
    }

    private static let statuses = ["200", "200", "400", "403", "404", "500"]
    private static let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "okhttp/4.12.0",
        "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0", "supabase-js/2.45.4", "curl/8.9.1",
        "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "BanqueMobile/7.3 (Android 15)",
    ]
    private static let carriers = [
        "/api/recherche?q=", "/rest/v1/clients?nom=eq.", "/api/comptes?id=", "/rest/v1/comptes?libelle=ilike.*",
        "/aide?page=2&sujet=", "/api/virements?motif=loyer&reference=", "/connexion?suite=",
        // Where columns are named, which is no reason to look away.
        "/rest/v1/clients?select=id,", "/rest/v1/comptes?order=", "/api/operations?sort=", "/export?colonnes=id;",
    ]

    private static func ordinaryStatus(_ random: inout SeededRandom) -> String {
        random.chance(0.95) ? "200" : random.pick(["304", "404", "401", "204"])
    }

    /// A payload where such payloads go, written as tools and people write them.
    private static func attack(_ kind: String, _ pattern: String, _ random: inout SeededRandom) -> String {
        let isSQL = kind == "sql_injection"
        var payload = LabelledTexts.expand(pattern, hidesSpaces: isSQL && random.chance(0.5), &random)
        if isSQL || kind == "xss", random.chance(0.3) { payload = LabelledTexts.mixed(payload, &random) }
        if payload.hasPrefix("/"), ["path_traversal", "sensitive_file", "web_shell", "probe"].contains(kind) {
            return payload
        }
        let carrier: String =
            switch kind {
            case "ssrf", "file_inclusion": random.pick(["/api/apercu?url=", "/page?fichier=", "/import?source="])
            case "path_traversal", "sensitive_file": random.pick(["/telecharger?fichier=", "/page?nom="])
            default: random.pick(carriers)
            }
        let isWritten = payload.contains("%")
        let encoded: String =
            switch random.below(10) {
            case 0...5: escaped(payload, all: false, keepsPercent: isWritten)
            case 6, 7: escaped(payload, all: true, keepsPercent: isWritten)
            case 8: escaped(escaped(payload, all: false, keepsPercent: isWritten), all: false, keepsPercent: false)
            default: escaped(payload, all: false, keepsPercent: isWritten).replacing("%20", with: "+")
            }
        return carrier + encoded
    }

    private static let plain = Set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~".utf8)
    /// What browsers leave in a query as it is.
    private static let left = Set("()*,;:@!$/'?=&".utf8)

    private static func escaped(_ text: String, all: Bool, keepsPercent: Bool) -> String {
        var out = ""
        for byte in text.utf8 {
            let isLeft = plain.contains(byte) || byte == 37 && keepsPercent || !all && "()*,;:/".utf8.contains(byte)
            if isLeft {
                out.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                out += "%" + hex(byte)
            }
        }
        return out
    }

    private static func hex(_ byte: UInt8) -> String {
        let text = String(byte, radix: 16, uppercase: true)
        return text.count == 1 ? "0" + text : text
    }

    /// An address as a browser sends it: values escaped, what parts them not.
    private static func browser(_ target: String) -> String {
        guard let mark = target.firstIndex(of: "?") else { return escapedPart(target) }
        let pairs = target[target.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false)
        var joined: [String] = []
        for pair in pairs {
            // An ampersand inside of a value was meant: what follows is no pair of its own.
            if !pair.contains("="), let last = joined.popLast() {
                joined.append(last + "%26" + escapedPart(String(pair)))
            } else {
                joined.append(escapedPart(String(pair)))
            }
        }
        return escapedPart(String(target[..<mark])) + "?" + joined.joined(separator: "&")
    }

    private static func escapedPart(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            if plain.contains(byte) || left.contains(byte) && byte != 63 && byte != 38 {
                out.unicodeScalars.append(UnicodeScalar(byte))
            } else {
                out += "%" + hex(byte)
            }
        }
        return out
    }

    private static func line(_ target: String, _ index: Int, _ status: String, _ random: inout SeededRandom) -> String {
        let second = index * 3
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let time = "\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
        let method = random.pick(["GET", "GET", "GET", "POST"])
        let referer = random.pick(["-", "https://banque.example/", "https://banque.example/recherche?q=carte"])
        return
            "82.\(64 + index % 60).\(index / 250 % 250).\(index % 250) - - [\(10 + second / 86_400)/Oct/2026:\(time) +0200] "
            + "\"\(method) \(target) HTTP/1.1\" \(status) \(random.within(100...20_000)) \"\(referer)\" \"\(random.pick(agents))\""
    }
}
