extension LabelledLog {
    /// sshd's lines of two weeks: guessing fast, slowly and by many names, break-ins, and people who mistype.
    public static func secureShell(actors: Int, seed: UInt64) -> LabelledLog {
        var log = LabelledLog(name: "ssh", file: "auth.log", unit: .address)
        var random = SeededRandom(seed: seed, stream: "labelled ssh")
        var dated: [(second: Int, order: Int, text: String)] = []
        let kinds = [
            "fast", "slow", "spray", "takeover", "repeated", "typist", "typist", "forgetful", "worker", "scan",
        ]
        for actor in 0..<actors {
            let address = "\(random.pick(["203.0", "185.117", "45.9", "91.240"])).\(actor / 250).\(actor % 250 + 1)"
            let what = kinds[actor % kinds.count]
            let start = random.below(10 * 86_400)
            log.truth[address] = .some(kind(of: what))
            for (second, text) in story(what, address, start, &random) { dated.append((second, dated.count, text)) }
        }
        log.lines = dated.sorted { ($0.second, $0.order) < ($1.second, $1.order) }.map { stamp($0.second) + $0.text }
        return log
    }

    private static func kind(of what: String) -> String? {
        switch what {
        case "fast", "slow", "repeated": "ssh_brute_force"
        case "spray": "password_spraying"
        case "takeover": "account_takeover"
        default: nil
        }
    }

    private static let users = [
        "root", "admin", "deploy", "marie", "svc_backup", "oracle", "test", "ubuntu", "git", "postgres", "ftp", "paul",
        "nagios", "jenkins", "www", "guest", "pi", "user", "hadoop", "minecraft",
    ]

    private static func story(_ what: String, _ address: String, _ start: Int, _ random: inout SeededRandom)
        -> [(Int, String)]
    {
        let user = random.pick(users)
        let port = random.within(1_025...65_000)
        func failed(_ name: String) -> String { "Failed password for \(name) from \(address) port \(port) ssh2" }
        func accepted(_ way: String) -> String { "Accepted \(way) for \(user) from \(address) port \(port) ssh2" }
        switch what {
        case "fast": return (0..<random.within(6...60)).map { (start + $0 * random.within(1...60), failed(user)) }
        case "slow":
            return (0..<random.within(40...60)).map { (start + $0 * random.within(3_000...5_000), failed(user)) }
        case "spray":
            return users.shuffledBy(&random).prefix(random.within(11...18)).enumerated().map {
                (start + $0.offset * random.within(100...200), failed("invalid user " + $0.element))
            }
        case "takeover":
            let tries = random.within(8...40)
            return (0..<tries).map { (start + $0 * 20, failed(user)) } + [(start + tries * 20, accepted("password"))]
        case "repeated":
            return [
                (start, failed(user)),
                (start + 30, "message repeated \(random.within(5...9)) times: [ \(failed(user))]"),
            ]
        case "typist":
            let tries = random.within(1...3)
            return (0..<tries).map { (start + $0 * 8, failed(user)) } + [(start + tries * 8, accepted("password"))]
        case "forgetful":
            return (0..<random.within(3...9)).map { (start + $0 * random.within(20_000...40_000), failed(user)) }
        case "worker": return (0..<20).map { (start + $0 * 9_000, accepted("publickey")) }
        default:
            return (0..<random.within(2...12)).map {
                (start + $0 * 600, "Connection closed by \(address) port \(port) [preauth]")
            }
        }
    }

    private static func stamp(_ second: Int) -> String {
        func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
        let time = "\(two(second / 3600 % 24)):\(two(second / 60 % 60)):\(two(second % 60))"
        return
            "Oct \(5 + second / 86_400 < 10 ? " " : "")\(5 + second / 86_400) \(time) srv-banque sshd[\(second % 30_000 + 1)]: "
    }

    /// PostgreSQL's log of statements, each in a session of its own: hostile ones among those that a bank runs all day.
    public static func statements(count: Int, seed: UInt64) throws -> LabelledLog {
        var log = LabelledLog(name: "postgresql", file: "postgresql.log", unit: .line)
        var random = SeededRandom(seed: seed, stream: "labelled statements")
        let texts = try LabelledTexts("statements.txt").texts
        let (good, bad) = (texts.filter { $0.kind == "-" }, texts.filter { $0.kind != "-" })
        for index in 0..<count {
            let isBad = index % 2 == 0
            let (kind, pattern) = isBad ? bad[index / 2 % bad.count] : good[index / 2 % good.count]
            var text = LabelledTexts.expand(pattern, hidesSpaces: false, &random)
            if random.chance(0.5) {
                text = LabelledTexts.mixed(text.replacing("'", with: "\u{1}"), &random).replacing("\u{1}", with: "'")
            }
            if random.chance(0.2), isBad { text = text.replacing(" ", with: "  ") }
            let second = index * 40
            func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
            let time =
                "2026-10-\(10 + second / 86_400) \(two(8 + second / 3600 % 12)):\(two(second / 60 % 60)):\(two(second % 60)) UTC"
            log.add("\(time) [\(1_000 + index)] u\(index)@banque LOG:  statement: \(text)", isBad ? kind : nil)
        }
        return log
    }
}

extension [String] {
    fileprivate func shuffledBy(_ random: inout SeededRandom) -> [String] {
        var all = self
        for index in all.indices.reversed() where index > 0 { all.swapAt(index, random.below(index + 1)) }
        return all
    }
}
