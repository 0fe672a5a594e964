extension LogWriter {
    /// PostgreSQL's own log in its form `jsonlog`.
    func postgres() -> [LogLine] {
        var random = SeededRandom(seed: seed, stream: "postgresql log")
        var lines: [LogLine] = []
        func add(
            _ at: Int, _ user: String, _ host: String, _ severity: String, _ message: String, state: String = "00000",
            statement: String? = nil
        ) {
            var text =
                "{\"timestamp\":\"\(LogTime.postgres(at))\",\"user\":\"\(user)\",\"dbname\":\"digitalbank\",\"pid\":\(2000 + at % 28_000),"
            text +=
                "\"remote_host\":\"\(host)\",\"session_id\":\"\(String(at, radix: 16)).\(String(2000 + at % 28_000, radix: 16))\",\"line_num\":\(1 + at % 9),"
            text +=
                "\"error_severity\":\"\(severity)\",\"state_code\":\"\(state)\",\"message\":\(LogTime.json(message))"
            if let statement { text += ",\"statement\":\(LogTime.json(statement))" }
            lines.append(LogLine(at: at, text: text + ",\"backend_type\":\"client backend\"}"))
        }
        for day in (bank.start / 86_400)..<(bank.end / 86_400) {
            for hour in 0..<24 {
                let at = day * 86_400 + hour * 3600 + random.below(3500)
                add(at, "app_banque", "10.0.0.5", "LOG", "connection authorized: user=app_banque database=digitalbank")
                if random.chance(0.15) {
                    add(
                        at + 12, "app_banque", "10.0.0.5", "LOG",
                        "duration: \(random.within(1000...4000)).\(random.within(100...999)) ms  execute <unnamed>: SELECT * FROM transactions WHERE compte_id = $1 ORDER BY date_operation DESC"
                    )
                }
            }
            add(
                day * 86_400 + 7200, "lecture_bi", "10.0.0.9", "LOG",
                "connection authorized: user=lecture_bi database=digitalbank")
        }
        if let attack { addAttack(attack) { add($0, $1, $2, $3, $4, state: $5, statement: $6) } }
        return lines
    }

    private func addAttack(
        _ attack: Attack, _ add: (Int, String, String, String, String, String, String?) -> Void
    ) {
        for step in 0..<72 {
            let at = attack.injection.lowerBound + step * attack.injection.count / 72
            add(
                at, "app_banque", "10.0.0.5", "ERROR",
                step < 30
                    ? "unterminated quoted string at or near \"'\""
                    : "each UNION query must have the same number of columns",
                step < 30 ? "42601" : "42601", "SELECT nom, ville FROM agences WHERE nom LIKE '%' UNION SELECT NULL--%'"
            )
        }
        let intruder = Attack.intruderLogin
        let steps: [(Int, String)] = [
            (attack.escalation.lowerBound + 120, "CREATE ROLE \(intruder) LOGIN SUPERUSER PASSWORD <REDACTED>"),
            (attack.escalation.lowerBound + 300, "CREATE FUNCTION public.maj_carte() RETURNS trigger"),
            (
                attack.escalation.lowerBound + 320,
                "CREATE TRIGGER trg_maj_carte AFTER INSERT OR UPDATE ON public.cartes"
            ),
            (attack.escalation.lowerBound + 600, "GRANT SELECT ON public.clients TO PUBLIC"),
            (attack.escalation.lowerBound + 640, "CREATE EVENT TRIGGER evt_garder_acces ON ddl_command_end"),
            (attack.theft.lowerBound + 200, "UPDATE public.beneficiaires SET iban = 'LT...' WHERE id % 25 = 0"),
            (attack.theft.lowerBound + 900, "UPDATE public.comptes SET solde = solde + 5000 WHERE id IN (SELECT ...)"),
            (attack.exfiltration.lowerBound, "COPY public.clients TO STDOUT"),
            (attack.exfiltration.lowerBound + 700, "COPY public.cartes TO STDOUT"),
            (attack.wiped.lowerBound + 60, "DELETE FROM public.logs WHERE horodatage > now() - interval '1 hour'"),
            (attack.wiped.upperBound + 15, "DELETE FROM public.clients WHERE id IN (SELECT ...)"),
        ]
        for (at, statement) in steps {
            add(at, intruder, attack.addresses[13], "LOG", "statement: \(statement)", "00000", nil)
        }
    }
}
