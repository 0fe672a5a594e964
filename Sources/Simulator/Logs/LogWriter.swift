internal import Foundation

/// Writes what the bank's servers logged: nginx, sshd, PostgreSQL and the application, in one story with the data.
struct LogWriter {
    let bank: LegacyBank
    let attack: Attack?
    let seed: UInt64

    /// Returns the lines written by file.
    func write(to folder: String) throws -> [String: Int] {
        var counts: [String: Int] = [:]
        for (name, lines) in [
            ("nginx/access.log", access()), ("auth.log", secureShell()), ("postgresql/postgresql.json", postgres()),
            ("application/application.json", application()),
        ] {
            let path = folder + "/" + name
            try FileManager.default.createDirectory(
                atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
            counts[name] = try write(lines, to: path)
        }
        return counts
    }

    /// In the order of time, without the hour that the attacker removed.
    private func write(_ lines: [LogLine], to path: String) throws -> Int {
        guard FileManager.default.createFile(atPath: path, contents: nil), let file = FileHandle(forWritingAtPath: path)
        else { throw SimulatorError.file("write", path, "the folder is not writable") }
        defer { try? file.close() }
        var buffer: [UInt8] = []
        var count = 0
        for key in lines.indices.map({ lines[$0].at << 32 | $0 }).sorted() {
            let line = lines[key & 0xFFFF_FFFF]
            if let attack, attack.wiped.contains(line.at) { continue }
            buffer.append(contentsOf: line.text.utf8)
            buffer.append(10)
            count += 1
            if buffer.count > 1 << 20 {
                try file.write(contentsOf: buffer)
                buffer.removeAll(keepingCapacity: true)
            }
        }
        try file.write(contentsOf: buffer)
        return count
    }

    private static let agents = [
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36",
        "Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
        "Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0",
        "Mozilla/5.0 (Linux; Android 14; Pixel 7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Mobile Safari/537.36",
    ]

    private func hit(_ at: Int, _ ip: String, _ request: String, _ status: Int, _ bytes: Int, agent: String) -> LogLine
    {
        LogLine(
            at: at,
            text: "\(ip) - - [\(LogTime.nginx(at))] \"\(request) HTTP/1.1\" \(status) \(bytes) \"-\" \"\(agent)\"")
    }

    private func access() -> [LogLine] {
        var lines: [LogLine] = []
        lines.reserveCapacity(bank.journal.count + 1000)
        for entry in bank.journal {
            let agent = Self.agents[(entry.client ?? 2) % Self.agents.count]
            let size = 180 + entry.id * 131 % 900
            let request: (String, Int)
            switch entry.action {
            case .connexion: request = ("POST /api/connexion", 200)
            case .echec_connexion: request = ("POST /api/connexion", 401)
            case .deconnexion: request = ("POST /api/deconnexion", 204)
            case .consultation: request = ("GET /api/comptes/\(entry.object.dropFirst(7))", 200)
            case .virement: request = ("POST /api/virements", 201)
            case .controle: request = ("GET /sante", 200)
            case .modification_profil: request = ("PUT /api/profil", 200)
            case .export: request = ("GET /admin/export?table=\(entry.object)", 200)
            }
            let isStuffed = attack.map { $0.stuffing.contains(entry.at) && $0.addresses.contains(entry.ip) } ?? false
            lines.append(
                hit(
                    entry.at, entry.ip, request.0, request.1, entry.action == .export ? 48_000_000 + size * 9973 : size,
                    agent: isStuffed ? "python-requests/2.32.3" : agent))
        }
        if let attack { lines += injection(attack) }
        return lines
    }

    private static let payloads = [
        "%27", "%27%20OR%201%3D1--", "%27%20ORDER%20BY%2012--", "%27%20UNION%20SELECT%20NULL%2CNULL--",
        "%27%20UNION%20SELECT%20version()%2CNULL--",
        "%27%20UNION%20SELECT%20table_name%2CNULL%20FROM%20information_schema.tables--",
        "%27%20UNION%20SELECT%20email%2Cmot_de_passe%20FROM%20clients--", "%27%3B%20SELECT%20pg_sleep(5)--",
        "%27%20UNION%20SELECT%20login%2Cmot_de_passe%20FROM%20employes--",
    ]

    private func injection(_ attack: Attack) -> [LogLine] {
        (0..<120).map { step in
            let at = attack.injection.lowerBound + step * attack.injection.count / 120
            let payload = Self.payloads[min(step / 12, Self.payloads.count - 1)]
            return hit(
                at, attack.addresses[12], "GET /api/recherche?q=\(payload)", step % 5 < 3 ? 500 : 200,
                step % 5 < 3 ? 611 : 4000 + step * 211, agent: "sqlmap/1.8.9#stable (https://sqlmap.org)")
        }
    }

    private func secureShell() -> [LogLine] {
        var random = SeededRandom(seed: seed, stream: "ssh")
        var lines: [LogLine] = []
        func add(_ at: Int, _ process: String, _ text: String) {
            lines.append(
                LogLine(at: at, text: "\(LogTime.syslog(at)) srv-banque \(process)[\(1000 + at % 30_000)]: \(text)"))
        }
        for day in (bank.start / 86_400)..<(bank.end / 86_400) {
            for _ in 0..<random.within(1...4) where !CivilDate.isClosed(day) {
                let at = day * 86_400 + random.within(28_000...66_000)
                add(
                    at, "sshd",
                    "Accepted publickey for deploy from 10.0.0.\(random.within(5...20)) port \(random.within(40_000...60_000)) ssh2: ED25519"
                )
            }
            for _ in 0..<random.within(8...30) {
                let at = day * 86_400 + random.below(86_400)
                let name = random.pick(["root", "admin", "test", "oracle", "ubuntu", "git"])
                add(
                    at, "sshd",
                    "Failed password for \(name == "root" ? "" : "invalid user ")\(name) from \(random.within(1...223)).\(random.within(1...254)).\(random.within(1...254)).\(random.within(1...254)) port \(random.within(1024...65_000)) ssh2"
                )
            }
        }
        if let attack {
            let source = attack.addresses[13]
            for step in 0..<14 {
                add(
                    attack.escalation.lowerBound - 900 + step * 31, "sshd",
                    "Failed password for \(Attack.intruderLogin) from \(source) port \(50_000 + step) ssh2")
            }
            add(
                attack.escalation.lowerBound, "sshd",
                "Accepted password for \(Attack.intruderLogin) from \(source) port 50041 ssh2")
            add(
                attack.escalation.lowerBound + 95, "sudo",
                "\(Attack.intruderLogin) : TTY=pts/1 ; PWD=/tmp ; USER=postgres ; COMMAND=/usr/bin/psql digitalbank")
            add(
                attack.wiped.upperBound + 40, "sudo",
                "\(Attack.intruderLogin) : TTY=pts/1 ; PWD=/var/log ; USER=root ; COMMAND=/usr/bin/truncate -s 0 /var/log/lastlog"
            )
        }
        return lines
    }

    private func application() -> [LogLine] {
        bank.journal.map { entry in
            LogLine(
                at: entry.at,
                text:
                    "{\"temps\":\"\(LogTime.iso(entry.at))\",\"niveau\":\"\(entry.action == .echec_connexion ? "warn" : "info")\","
                    + "\"service\":\"portail\",\"evenement\":\"\(entry.action.rawValue)\",\"utilisateur\":\(LogTime.json(entry.user)),"
                    + "\"ip\":\"\(entry.ip)\",\"objet\":\(LogTime.json(entry.object)),\"duree_ms\":\(12 + entry.id * 7919 % 180)}"
            )
        }
    }
}
