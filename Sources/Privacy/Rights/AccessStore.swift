internal import Foundation
internal import Postgres

/// What the bank holds about one client, table by table: the statements of an access request.
struct AccessStore: Sendable {
    let database: any SQLExecutor

    struct Section: Sendable {
        let name: String
        let relation: String
        let columns: [String]
        var rows: [[String?]]
    }

    /// All sections whose table is there. Internal accounts and other persons' keys are left out.
    func sections(of client: UUID) async throws -> [Section] {
        let present = try await database.all(
            """
            select n.nspname || '.' || c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where c.relkind in ('r', 'p') and not c.relispartition
            """, as: String.self)
        let known = Set(present)
        var sections: [Section] = []
        for (name, relation, statement) in Self.statements(client) where known.contains(relation) {
            let result = try await database.run(statement)
            let rows = try result.map { row in
                try (0..<row.columnCount).map { try row.decodeIfPresent($0, as: String.self) }
            }
            sections.append(Section(name: name, relation: relation, columns: result.columnNames, rows: rows))
        }
        return sections
    }

    private static func statements(_ client: UUID) -> [(String, String, Statement)] {
        bank(client) + books(client) + orders(client) + desk(client) + account(client) + fraud(client)
            + incidents(client)
    }

    private static func bank(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "client", "public.clients",
                "select numero, civilite, statut, cree_le from public.clients where id = \(client)"
            ),
            (
                "accounts", "public.comptes",
                """
                select id, type, devise, solde_minor, reserve_minor, decouvert_minor, statut, ouvert_le, clos_le, bic,
                    encode(iban_chiffre, 'hex') as iban
                from public.comptes where client_id = \(client) order by id
                """
            ),
            (
                "closings", "privacy.closings",
                """
                select n.account_id, n.seen_on, n.last_operation_on, n.stated_on, n.reason
                from privacy.closings n join public.comptes k on k.id = n.account_id
                where k.client_id = \(client) order by n.account_id
                """
            ),
            (
                "cards", "public.cartes",
                """
                select r.id, r.compte_id, '**** **** **** ' || r.pan_fin as pan, r.reseau, r.expire_le, r.plafond_minor,
                    r.statut, r.emise_le, r.blocage_motif, r.bloquee_le
                from public.cartes r join public.comptes k on k.id = r.compte_id where k.client_id = \(client) order by r.id
                """
            ),
            (
                "operations", "public.transactions",
                """
                with siens as (select id from public.comptes where client_id = \(client))
                select t.id, t.booked_at, t.date_valeur, t.type,
                    case when d.id is null then t.montant_minor when c.id is null then -t.montant_minor else 0 end
                        as montant_minor,
                    t.montant_minor as montant_total_minor, t.devise, coalesce(d.id, c.id) as compte_id, t.libelle,
                    t.reference, '****' || t.contrepartie_fin as contrepartie, t.carte_id
                from public.transactions t
                    left join siens d on d.id = t.compte_debit_id left join siens c on c.id = t.compte_credit_id
                where t.id in (
                    select id from public.transactions where compte_debit_id = any (array(select id from siens))
                    union select id from public.transactions where compte_credit_id = any (array(select id from siens)))
                    and (d.id is not null or c.id is not null)
                order by t.booked_at, t.id
                """
            ),
        ]
    }

    private static func books(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "postings", "public.ecritures",
                """
                select e.compte_id, e.numero, e.transaction_id, e.montant_minor, e.solde_apres_minor, e.booked_at
                from public.ecritures e join public.comptes k on k.id = e.compte_id
                where k.client_id = \(client) order by 1, 2
                """
            ),
            (
                "limits", "public.plafonds",
                """
                select p.compte_id, p.canal, p.plafond_minor, p.jour, p.consomme_minor
                from public.plafonds p join public.comptes k on k.id = p.compte_id where k.client_id = \(client) order by 1, 2
                """
            ),
            (
                "reservations", "public.reservations",
                """
                select r.id, r.compte_id, r.carte_id, r.montant_minor, r.capture_minor, r.reste_minor, r.devise, r.marchand,
                    r.statut, r.cree_le, r.expire_le, r.terminee_le
                from public.reservations r join public.comptes k on k.id = r.compte_id where k.client_id = \(client)
                order by r.cree_le
                """
            ),
            (
                "captures", "public.captures",
                """
                select a.reservation_id, a.montant_minor, a.transaction_id, a.faite_le
                from public.captures a join public.reservations r on r.id = a.reservation_id
                    join public.comptes k on k.id = r.compte_id
                where k.client_id = \(client) order by a.faite_le
                """
            ),
        ]
    }

    private static func orders(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "payees", "public.beneficiaires",
                """
                select id, encode(nom_chiffre, 'hex') as nom, '****' || iban_fin as iban, bic, statut, ajoute_le
                from public.beneficiaires where client_id = \(client) order by id
                """
            ),
            (
                "orders", "public.virements",
                """
                select id, compte_debit_id, beneficiaire_id, montant_minor, devise, motif, canal, statut, transaction_id,
                    demande_le
                from public.virements where donneur_id = \(client) order by demande_le, id
                """
            ),
            (
                "standing_orders", "public.ordres_permanents",
                """
                select id, compte_debit_id, '****' || payee_fin as beneficiaire, montant_minor, devise, motif, frequence,
                    premiere_le, derniere_le, statut, rang, prochaine_le, cree_le, modifie_le
                from public.ordres_permanents where client_id = \(client) order by cree_le
                """
            ),
            (
                "standing_order_runs", "public.executions_permanentes",
                """
                select x.ordre_id, x.echeance, x.essai, x.jour, x.statut, x.raison, x.virement_id, x.faite_le
                from public.executions_permanentes x join public.ordres_permanents o on o.id = x.ordre_id
                where o.client_id = \(client) order by x.faite_le
                """
            ),
            (
                "payment_files", "public.fichiers_de_paiement",
                """
                select message_id, nombre, total_minor, recu_le from public.fichiers_de_paiement
                where client_id = \(client) order by recu_le
                """
            ),
            (
                "payment_file_lines", "public.lignes_de_paiement",
                """
                select message_id, rang, bout_en_bout, statut, code, virement_id, ordre_id from public.lignes_de_paiement
                where client_id = \(client) order by message_id, rang
                """
            ),
            (
                "authorisations", "public.autorisations_virement",
                """
                select a.id, a.compte_debit_id, a.montant_minor, a.devise, a.cree_le, a.expire_le, a.utilisee_le
                from public.autorisations_virement a join public.clients c on c.utilisateur_id = a.utilisateur_id
                where c.id = \(client) order by a.cree_le
                """
            ),
            (
                "small_payments", "public.petits_paiements",
                "select devise, cumul_minor, nombre from public.petits_paiements where client_id = \(client) order by devise"
            ),
        ]
    }

    private static func desk(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "reveals", "public.revelations",
                "select champ, motif, accordee_le, expire_le from public.revelations where client_id = \(client) order by 3"
            ),
            (
                "profile", "pseudonymes.profils",
                "select annee_naissance, departement from pseudonymes.profils where client_id = \(client)"
            ),
            (
                "requests", "privacy.requests",
                """
                select id, kind, status, channel, reason, received_at, due_at, ended_at
                from privacy.requests where client_id = \(client) order by received_at
                """
            ),
            (
                "consents", "privacy.consents",
                """
                select purpose, is_given, text_version, channel, recorded_at from privacy.consents
                where client_id = \(client) order by id
                """
            ),
            (
                "restrictions", "privacy.restrictions",
                "select ground, reason, placed_at from privacy.restrictions where client_id = \(client)"
            ),
            (
                "objections", "privacy.objections",
                "select purpose, reason, raised_at from privacy.objections where client_id = \(client) order by purpose"
            ),
            (
                "rectifications", "privacy.rectifications",
                "select field, reason, changed_at from privacy.rectifications where client_id = \(client) order by id"
            ),
            (
                "reads", "privacy.reads",
                """
                select array_to_string(fields, ', ') as fields, reason, count, first_at, last_at from privacy.reads
                where client_id = \(client) order by id
                """
            ),
        ]
    }

    private static func account(_ client: UUID) -> [(String, String, Statement)] {
        let user: Statement = "(select utilisateur_id from public.clients where id = \(client))"
        return [
            (
                "sign_in", "auth.users",
                """
                select email, phone, raw_user_meta_data, last_sign_in_at, created_at from auth.users
                where id = \(fragment: user)
                """
            ),
            (
                "sign_in_providers", "auth.identities",
                """
                select provider, identity_data, last_sign_in_at, created_at from auth.identities
                where user_id = \(fragment: user) order by created_at
                """
            ),
            (
                "sessions", "auth.sessions",
                """
                select aal, user_agent, ip, created_at, refreshed_at from auth.sessions
                where user_id = \(fragment: user) order by created_at
                """
            ),
            (
                "factors", "auth.mfa_factors",
                """
                select friendly_name, factor_type, status, created_at from auth.mfa_factors
                where user_id = \(fragment: user) order by created_at
                """
            ),
            (
                "sign_in_journal", "auth.audit_log_entries",
                """
                select payload ->> 'action' as action, ip_address, created_at from auth.audit_log_entries
                where payload ->> 'actor_id' = \(fragment: user)::text order by created_at
                """
            ),
        ]
    }

    /// Decisions on payments; while a case is open they are the investigation's (CMF L.574-1 forbids to tell).
    private static func incidents(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "incidents", "detection.persons",
                """
                select i.reference, p.is_read, p.is_changed, p.first_at, p.last_at
                from detection.persons p join detection.incidents i on i.id = p.incident_id
                where p.client_id = \(client) order by p.first_at, i.reference
                """
            )
        ]
    }

    private static func fraud(_ client: UUID) -> [(String, String, Statement)] {
        [
            (
                "payment_decisions", "fraud.decisions",
                """
                select d.paiement, d.montant_minor, d.verdict, d.raisons, d.decide_le
                from fraud.decisions d join public.comptes k on k.id = d.cles[1]
                where k.client_id = \(client)
                    and not exists (select from fraud.dossiers x where x.client = k.id and x.statut <> 'clos')
                order by d.rang
                """
            )
        ]
    }
}
