internal import Postgres

/// The SQL that puts a simulated bank into a database.
enum LegacyStore {
    static let owner = "banque"
    static let database = "digitalbank"

    static let createRoles: [Statement] = ["banque", "app_banque", "lecture_bi", Attack.intruderLogin].map {
        Statement(unchecked: "create role \(Statement.quoted($0)) login")
    }
    static let createExtension: Statement = "create extension if not exists pgcrypto with schema public"
    static let becomeOwner = Statement(unchecked: "set role \(Statement.quoted(owner))")
    static let becomeSuperuser: Statement = "reset role"
    static let ownSchema = Statement(unchecked: "alter schema public owner to \(Statement.quoted(owner))")

    /// Names, passwords and social numbers come in clear; the two columns that the legacy bank hashed or encrypted follow.
    static let stageClients: Statement = "create temporary table arrivee (like public.clients)"
    static let stageAsText: Statement = "alter table arrivee alter column nir type text using null"
    static func moveClients(legacyKey: String) -> Statement {
        """
        insert into public.clients
        select id, civilite, nom, prenom, email, telephone, adresse, code_postal, ville, date_naissance,
            md5(mot_de_passe), pgp_sym_encrypt(nir, \(legacyKey), 'cipher-algo=aes256, s2k-count=1024'), cree_le
        from arrivee order by id
        """
    }
    static let hashStaff: Statement = "update public.employes set mot_de_passe = md5(mot_de_passe)"

    static func copy(_ table: String, columns: [String]) -> Statement {
        let list = columns.map(Statement.quoted).joined(separator: ", ")
        let target = table == "clients" ? "arrivee" : "public.\(Statement.quoted(table))"
        return Statement(unchecked: "copy \(target) (\(list)) from stdin")
    }

    /// `next` is the id that the legacy application would hand out.
    static func setSequence(_ table: String, next: Int) -> Statement {
        "select setval(\("public.\(table)_id_seq")::regclass, \(max(1, next - 1)))"
    }
}
