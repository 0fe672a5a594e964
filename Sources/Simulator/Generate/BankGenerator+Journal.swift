extension BankGenerator {
    /// What the legacy application wrote into its own table `logs`: sessions, looks at accounts, transfers.
    mutating func makeJournal() {
        var entries: [LegacyLogEntry] = []
        for client in 0..<clients {
            var random = SeededRandom(seed: seed, stream: "sessions", index: client)
            let rate = random.amount(median: 0.12, spread: 0.6)
            let person = bank.clients[client]
            let main = accountsOfClient[client][0] + 1
            for day in (bank.start / 86_400)..<(bank.end / 86_400) where random.chance(rate) {
                var at = day * 86_400 + (random.within(6...23) + random.within(6...23)) / 2 * 3600 + random.below(3000)
                func add(_ action: LegacyLogEntry.Action, _ object: String) {
                    entries.append(
                        LegacyLogEntry(
                            at: at, ip: person.ip, client: client, user: person.email, action: action, object: object))
                }
                if random.chance(0.04) {
                    add(.echec_connexion, "portail")
                    at += random.within(5...40)
                }
                add(.connexion, "portail")
                for _ in 0..<random.within(1...3) {
                    at += random.within(4...90)
                    add(.consultation, "compte \(main)")
                }
                if random.chance(0.01) { add(.modification_profil, "client \(client + 1)") }
                at += random.within(20...300)
                add(.deconnexion, "portail")
            }
        }
        for order in bank.orders {
            let client = bank.accounts[order.account].client - 1
            entries.append(
                LegacyLogEntry(
                    at: order.at, ip: bank.clients[client].ip, client: client, user: bank.clients[client].email,
                    action: .virement, object: "virement \(order.id)"))
        }
        // The bank checks itself twice an hour, night and day: a silence is a sign.
        for at in stride(from: bank.start + 420, to: bank.end, by: 1800) {
            entries.append(
                LegacyLogEntry(
                    at: at, ip: "10.0.0.5", client: nil, user: "supervision", action: .controle, object: "sante"))
        }
        bank.journal = Self.numbered(entries)
    }

    static func numbered(_ entries: [LegacyLogEntry]) -> [LegacyLogEntry] {
        entries.indices.map { entries[$0].at << 32 | $0 }.sorted().enumerated().map { number, key in
            var entry = entries[key & 0xFFFF_FFFF]
            entry.id = number + 1
            return entry
        }
    }
}
