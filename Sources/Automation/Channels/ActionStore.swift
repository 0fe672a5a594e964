internal import Evidence
internal import Postgres
internal import Web

/// What a scenario makes the bank do, in the caller's transaction, with its entry in the journal.
struct ActionStore: Sendable {
    let database: any SQLExecutor

    func perform(_ action: Action, _ payload: JSON, key: String) async throws -> String {
        switch action {
        case .blockCard: try await blockCard(payload, key)
        case .revokeSessions: try await revokeSessions(payload, key)
        case .openCase: try await openCase(payload, key)
        case .openIncident: try await openIncident(payload, key)
        default: throw AutomationError.function(action.rawValue, "the bank has no such act")
        }
    }

    private func blockCard(_ payload: JSON, _ key: String) async throws -> String {
        guard let card = payload["card"].flatMap({ $0.integer ?? Int64($0.plain) }) else {
            throw AutomationError.function("block_card", "card is no number")
        }
        let reason = payload["reason"]?.plain ?? ""
        guard ["perdue", "volee", "fraude", "temporaire"].contains(reason) else {
            throw AutomationError.function("block_card", "the reason is perdue, volee, fraude or temporaire")
        }
        let count = try await database.execute(
            """
            update public.cartes set statut = 'bloquee', blocage_motif = \(reason),
                bloquee_le = clock_timestamp()
            where id = \(card) and statut = 'active'
            """)
        try await note("automation.card_blocked", "carte \(card)", key, ["blocked": "\(count)", "reason": reason])
        return count == 1 ? "card \(card) blocked" : "card \(card) was not active"
    }

    private func revokeSessions(_ payload: JSON, _ key: String) async throws -> String {
        let user = payload["user"]?.plain ?? ""
        guard try await has("auth.sessions") else {
            throw AutomationError.function("revoke_sessions", "there are no accounts here")
        }
        let count = try await database.execute("delete from auth.sessions where user_id::text = \(user)")
        try await note("automation.sessions_revoked", "user \(user)", key, ["sessions": "\(count)"])
        return "\(count) sessions ended"
    }

    private func openCase(_ payload: JSON, _ key: String) async throws -> String {
        guard try await has("fraud.dossiers") else {
            throw AutomationError.function("open_case", "there is no fraud desk here")
        }
        guard let client = payload["client"].flatMap({ $0.integer ?? Int64($0.plain) }) else {
            throw AutomationError.function("open_case", "client is no number")
        }
        let note = String((payload["note"]?.plain ?? "").prefix(4000))
        let id = try await database.one(
            """
            with dossier as (
                insert into fraud.dossiers as d (client) values (\(client))
                on conflict (client) where statut <> 'clos'
                do update set derniere_alerte_le = clock_timestamp() returning d.id
            ), ecrite as (
                insert into fraud.dossiers_notes (dossier_id, auteur, note)
                select id, 'automation', \(note.isEmpty ? "-" : note) from dossier
            )
            select id from dossier
            """, as: Int64.self)
        try await self.note("automation.case_opened", "dossier \(id)", key, [:])
        return "case \(id)"
    }

    private func openIncident(_ payload: JSON, _ key: String) async throws -> String {
        guard try await has("detection.incidents") else {
            throw AutomationError.function("open_incident", "there are no incidents here")
        }
        let severity = payload["severity"]?.plain ?? "medium"
        guard ["low", "medium", "high", "critical"].contains(severity) else {
            throw AutomationError.function("open_incident", "severity is low, medium, high or critical")
        }
        let title = String((payload["title"]?.plain ?? "").prefix(300))
        let document: JSON = ["automation": .string(key), "facts": payload["facts"] ?? .null]
        let id = try await database.one(
            """
            insert into detection.incidents (id, opened_at, updated_at, first_at, last_at, severity, status, title_fr,
                title_en, stages, document)
            values (gen_random_uuid(), clock_timestamp(), clock_timestamp(), clock_timestamp(), clock_timestamp(),
                \(severity), 'open', \(title), \(payload["title_en"]?.plain ?? title), '{}', \(document.text)::jsonb)
            returning id::text
            """, as: String.self)
        try await note("automation.incident_opened", "incident \(id)", key, ["severity": severity])
        return "incident \(id)"
    }

    private func has(_ table: String) async throws -> Bool {
        try await database.one("select to_regclass(\(table)) is not null", as: Bool.self)
    }

    private func note(_ kind: String, _ subject: String, _ key: String, _ fields: [String: String]) async throws {
        guard try await has("evidence.entries") else { return }
        try await EvidenceJournal.append(
            EvidenceEvent(kind, subject, fields: fields.merging(["delivery": key]) { a, _ in a }, actor: "automation"),
            in: database)
    }
}
