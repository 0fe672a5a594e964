import Foundation
import Postgres
import Salvage
import Simulator
import TestSupport
import Testing

@testable import Recovery

@Suite(.serialized) struct `The objects of a dump` {
    static func isFound(_ trojan: GroundTruth.Trojan, _ findings: [ObjectFinding]) -> Bool {
        // pg_dump writes a plain default into its table.
        if trojan.kind == "DEFAULT" {
            let table = trojan.object.split(separator: " ").first.map(String.init) ?? ""
            return findings.contains { $0.rule == "default-calls-function" && $0.name == "public." + table }
        }
        return findings.contains {
            $0.kind == trojan.kind && ($0.name == trojan.object || $0.name == "public." + trojan.object)
        }
    }

    /// Card numbers of a dump, and its codes as they stand in rows.
    private static func cards(in dump: String) throws -> (pans: [String], codes: [String]) {
        final class Found {
            var pans: [String] = []
            var codes: [String] = []
        }
        let found = Found()
        _ = try DumpReader(path: dump).read(progress: { _ in }) { event in
            guard case .rows(let batch) = event, batch.table == "public.cartes",
                let pan = batch.columns.firstIndex(of: "pan"), let code = batch.columns.firstIndex(of: "cvv")
            else { return }
            for line in String(decoding: batch.text, as: UTF8.self).split(separator: "\n") {
                let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
                found.pans.append(String(fields[pan]))
                found.codes.append(fields[max(code - 1, 0)...code].joined(separator: "\t"))
            }
        }
        return (found.pans, found.codes)
    }

    private static let planted: Statement = """
        select 'function ' || proname from pg_proc where proname in
            ('maj_carte', 'f_support', 'garder_acces', 'statut_connu', 'noter', 'cle_tri')
        union all select 'relation ' || relname from pg_class
            where relname in ('stats_cache', 'clients_tri', 'v_comptes_clients')
        union all select 'trigger ' || tgname from pg_trigger where tgname = 'trg_maj_carte'
        union all select 'event trigger ' || evtname from pg_event_trigger
        union all select 'rule ' || rulename from pg_rewrite where rulename = 'silence'
        union all select 'constraint ' || conname from pg_constraint
            where pg_get_constraintdef(oid) like '%statut_connu(%'
        union all select 'grant on ' || relname from pg_class c, aclexplode(relacl) a
            where relnamespace = 'public'::regnamespace and a.grantee = 0
        union all select 'default on ' || adrelid::regclass::text from pg_attrdef
            where pg_get_expr(adbin, adrelid) like '%md5%'
        union all select 'role ' || rolname from pg_roles where rolname = 'svc_maintenance'
        """

    @Test(arguments: [false, true])
    func `that an intruder left are all found, and none is carried over`(hasBaseline: Bool) async throws {
        try await withTemporaryDirectory { folder in
            let bank = try await RecoveredBank.make(in: folder, clients: 60, days: 40, seed: 5) { options, files in
                if hasBaseline { options.baseline = files.baseline }
            }
            #expect(bank.truth.trojans.count >= 17)
            for trojan in bank.truth.trojans {
                #expect(Self.isFound(trojan, bank.report.objects), "\(trojan.kind) \(trojan.object)")
            }
            let innocent = ["nom_complet", "horodat", "app_banque", "pgcrypto", "_pkey", "_seq"]
            for finding in bank.report.objects {
                #expect(innocent.allSatisfy { !finding.name.contains($0) }, "\(finding.rule) \(finding.name)")
            }
            let (pans, codes) = try Self.cards(in: bank.files.dump)
            #expect(pans.count > 10 && !FileManager.default.fileExists(atPath: bank.run.cleanRoomDirectory))
            let data = (bank.run.path as NSString).deletingLastPathComponent
            for secret in pans.prefix(5) + codes.prefix(2) {
                // Rows that are set aside are kept whole, for the operator alone.
                let places = try FolderBytes.holding(secret, in: data).filter { !$0.contains("/quarantine/") }
                #expect(places == [], "\(places)")
            }
            let database = Database(try await TestCluster.configuration(database: bank.database))
            let carried = try await database.all(Self.planted, as: String.self)
            await database.close()
            #expect(carried == [])
        }
    }

    @Test(arguments: [DumpFormat.plain, .directory, .tar])
    func `are judged alike in every format`(format: DumpFormat) async throws {
        for attacked in [true, false] {
            try await withTemporaryDirectory { folder in
                var simulation = Simulation(output: folder + "/banque")
                (simulation.clients, simulation.days) = (20, 20)
                (simulation.format, simulation.damage, simulation.isAttacked) = (format, .none, attacked)
                let (files, truth) = try await simulation.run()
                let tables = try #require(try MappingLibrary.shipped().first { $0.mapping.name == "banque-simulee" })
                    .mapping.shapes.map(\.name)
                let objects = try DumpReader(path: files.dump).inspection.objects
                for baseline in [nil, try Baseline.read(files.baseline)] {
                    let findings = ObjectJudge.findings(on: objects, baseline: baseline, tables: Set(tables))
                    for trojan in truth.trojans {
                        #expect(Self.isFound(trojan, findings), "\(trojan.kind) \(trojan.object)")
                    }
                    if !attacked {
                        #expect(findings.map { "\($0.rule) \($0.kind) \($0.name) \($0.text)" } == [])
                    }
                }
            }
        }
    }
}

@Suite struct `The judge of definitions` {
    static func rules(
        _ kind: String, _ sql: String, name: String? = nil, copy: String = "", owner: String = "banque",
        baseline: Baseline? = nil, drop: String = ""
    ) -> [String] {
        ObjectJudge.findings(
            on: [
                DumpObject(
                    kind: kind, schema: "public", name: name ?? (kind == "TABLE" ? "clients" : "x"), owner: owner,
                    sql: sql, dropStatement: drop,
                    copyStatement: copy, location: "byte 1")
            ], baseline: baseline, tables: ["public.clients"]
        ).map(\.rule)
    }

    @Test(
        arguments: [
            ("TABLE DATA", "", "COPY public.clients (id, nom) FROM stdin;", nil),
            ("TABLE DATA", "", "COPY public.clients (id) FROM PROGRAM 'id';", "copy-not-from-stdin"),
            ("TABLE DATA", "", "COPY public.clients FROM stdin; COPY x TO '/tmp/x'", "copy-not-from-stdin"),
            ("TABLE DATA", "", "COPY (SELECT 1) TO /**/ PROGRAM 'id' -- from stdin;", "copy-not-from-stdin"),
            ("TABLE DATA", "", "COPY public.clients (id) FROM stdin WHERE f(id);", "copy-not-from-stdin"),
            ("TYPE", "CREATE TYPE public.x AS ENUM ('a'); COPY (SELECT 1) TO PROGRAM 'id';", "", "reaches-outside"),
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'x'; DROP TABLE public.clients;", "", "hidden-statement"),
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'a; drop table b';", "", nil),
            ("SECURITY LABEL", "SECURITY LABEL FOR s ON TABLE x IS 'y';", "", "setting"),
            ("SEQUENCE SET", "SELECT pg_catalog.setval('s', 1, true);", "", nil),
            ("SEQUENCE SET", "SELECT pg_catalog.setval('s', evil(), true);", "", "hidden-statement"),
            ("SEARCHPATH", "SELECT pg_catalog.set_config('search_path', '', false);", "", nil),
            ("SEARCHPATH", "SELECT pg_catalog.set_config('search_path', x.evil(), false);", "", "hidden-statement"),
            ("META-COMMAND", "\\! id", "", "meta-command"), ("META-COMMAND", "\\restrict abc", "", nil),
            ("META-COMMAND", "\\unrestrict `id`", "", "meta-command"),
            ("ACL", "GRANT SELECT ON TABLE public.clients TO PUBLIC;", "", "grant-to-public"),
            ("ACL", "GRANT USAGE ON SCHEMA public TO PUBLIC;", "", nil),
            ("ACL", "GRANT postgres TO intruder;", "", "role"),
            ("ACL", "GRANT ALL ON TABLE public.clients TO intruder;", "", "all-rights"),
            ("ACL", "GRANT ALL ON TABLE public.clients TO banque;", "", nil),
            ("ACL", "GRANT SELECT ON TABLE public.clients TO app WITH GRANT OPTION;", "", "grant-option"),
            ("ACL", "SET SESSION AUTHORIZATION postgres; GRANT SELECT ON TABLE x TO app;", "", "session-authorization"),
            ("ACL", "GRANT SELECT ON TABLE x TO app; ALTER ROLE app SUPERUSER;", "", "reaches-outside"),
            (
                "DEFAULT ACL", "ALTER DEFAULT PRIVILEGES FOR ROLE a GRANT SELECT ON TABLES TO PUBLIC;", "",
                "grant-to-public"
            ),
            ("POLICY", "CREATE POLICY p ON public.clients USING (true);", "", "policy"),
            (
                "DEFAULT", "ALTER TABLE ONLY public.clients ALTER COLUMN a SET DEFAULT public.f();", "",
                "default-calls-function"
            ),
            (
                "DEFAULT", "ALTER TABLE ONLY public.clients ALTER COLUMN a SET DEFAULT \"public\" . \"now\"();", "",
                "default-calls-function"
            ),
            ("DEFAULT", "ALTER TABLE ONLY public.clients ALTER COLUMN a SET DEFAULT now();", "", nil),
            (
                "TABLE", "CREATE TABLE public.clients (a int, b int GENERATED ALWAYS AS (a + 1) STORED);", "",
                "generated-column"
            ),
            ("TABLE", "CREATE TABLE public.clients (a int CHECK (f(a)));", "", "constraint-calls-function"),
            ("TABLE", "CREATE TABLE public.clients (a numeric(15,2), CHECK (a > 0), UNIQUE (a));", "", nil),
            ("TABLE", "CREATE TABLE public.clients (a int) INHERITS (public.b);", "", "inheritance"),
            (
                "TABLE", "CREATE TABLE public.clients (a int); CREATE RULE r AS ON SELECT TO b DO ALSO NOTHING;", "",
                "hidden-statement"
            ),
            ("DOMAIN", "CREATE DOMAIN public.d AS text CHECK (public.f(VALUE));", "", "domain"),
            ("DOMAIN", "CREATE DOMAIN public.d AS text CHECK (VALUE > 'a');", "", nil),
            ("TYPE", "CREATE TYPE public.t AS ENUM ('a', 'b');", "", nil),
            ("TYPE", "CREATE TYPE public.t (INPUT = f, OUTPUT = g);", "", "domain"),
            (
                "CHECK CONSTRAINT", "ALTER TABLE public.c ADD CONSTRAINT k CHECK (public.f(a));", "",
                "constraint-calls-function"
            ),
            ("INDEX", "CREATE INDEX i ON public.clients USING btree (lower(email));", "", nil),
            (
                "INDEX", "CREATE INDEX i ON public.clients USING btree (public.lower(email));", "",
                "index-calls-function"
            ),
            (
                "INDEX", "CREATE INDEX i ON public.clients USING btree ((a OPERATOR(public.+) b));", "",
                "index-calls-function"
            ),
            ("OPERATOR", "CREATE OPERATOR public.= (FUNCTION = f, LEFTARG = int);", "", "operator-or-cast"),
            ("CAST", "CREATE CAST (text AS int) WITH FUNCTION f(text);", "", "operator-or-cast"),
            ("EVENT TRIGGER", "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION f();", "", "event-trigger"),
            ("RULE", "CREATE RULE r AS ON INSERT TO public.l DO INSTEAD NOTHING;", "", "rewrite-rule"),
            ("SUBSCRIPTION", "CREATE SUBSCRIPTION s CONNECTION 'host=x' PUBLICATION p;", "", "replication"),
            ("PUBLICATION", "CREATE PUBLICATION p FOR ALL TABLES;", "", "replication"),
            ("BLOB", "SELECT pg_catalog.lo_create('1');", "", "large-object"),
            ("MATERIALIZED VIEW", "CREATE MATERIALIZED VIEW m AS SELECT f();", "", "materialized-view"),
            ("VIEW", "CREATE VIEW public.v AS SELECT c.id, c.nom FROM public.clients c;", "", nil),
            ("VIEW", "CREATE VIEW public.v AS SELECT c.mot_de_passe FROM public.clients c;", "", "view-shows-secrets"),
            ("VIEW", "CREATE VIEW public.v AS SELECT id FROM public.employes WHERE login <> 'svc';", "", "view"),
            ("VIEW", "CREATE VIEW public.v AS SELECT public.f(id) FROM public.clients;", "", "view"),
            ("EXTENSION", "CREATE EXTENSION dblink;", "", "extension"),
            ("SERVER", "CREATE SERVER s FOREIGN DATA WRAPPER w;", "", "foreign-access"),
            ("PROCEDURAL LANGUAGE", "CREATE LANGUAGE plpython3u;", "", "language"),
            ("ROLE", "CREATE ROLE x SUPERUSER;", "", "role"),
            ("DATABASE PROPERTIES", "ALTER DATABASE d SET session_preload_libraries = 'x';", "", "setting"),
            ("DATABASE PROPERTIES", "ALTER DATABASE d SET \"TimeZone\" = 'x';", "", "setting"),
            ("SET", "SET role = 'postgres';", "", "setting"), ("SET", "SET statement_timeout = 0;", "", nil),
            ("VIEW", "ALTER TABLE public.v OWNER TO banque;", "", nil),
            ("VIEW", "ALTER TABLE public.v OWNER TO banque; DROP TABLE x;", "", "view"),
            ("SET", "SELECT pg_catalog.set_config('search_path', '', false);", "", nil),
            ("SET", "SELECT pg_catalog.set_config('role', 'postgres', false);", "", "setting"),
            ("DO", "DO $$ begin end $$;", "", "statement"), ("ALTER", "ALTER TABLE public.x OWNER TO y;", "", nil),
            ("ALTER", "ALTER TABLE public.x ENABLE REPLICA TRIGGER t;", "", "undecidable"),
            ("NOVELTY", "CREATE NOVELTY n;", "", "undecidable"),
            ("TABLE", "CREATE TABLE U&\"\\0063lients\" (a int);", "", "hidden-statement"),
            ("META-COMMAND", "\\unrestrict abc \\! id", "", "meta-command"),
            ("META-COMMAND", "\\restrict ", "", "meta-command"),
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'x' \\! id\n;", "", "meta-command"),
            ("COMMENT", "COMMENT ON TABLE public.clients IS E'a\\\\b';", "", nil),
            ("SET", "SET standard_conforming_strings = off;", "", "setting"),
            ("SET", "SET standard_conforming_strings = on;", "", nil),
            ("STDSTRINGS", "SET standard_conforming_strings = 'off';", "", "setting"),
            ("ENCODING", "SET client_encoding = 'SJIS';", "", "setting"),
            ("ENCODING", "SET client_encoding = 'UTF8';", "", nil),
            ("SET", "SET client_encoding TO 'GBK';", "", "setting"),
            ("CONSTRAINT", "ALTER TABLE public.clients DISABLE ROW LEVEL SECURITY;", "", "hidden-statement"),
            (
                "CONSTRAINT", "ALTER TABLE ONLY public.clients ADD CONSTRAINT k UNIQUE (a), DISABLE TRIGGER ALL;", "",
                "hidden-statement"
            ),
            ("CONSTRAINT", "ALTER TABLE ONLY public.clients ADD CONSTRAINT k PRIMARY KEY (id);", "", nil),
            ("TABLE", "CREATE TABLE public.butin (a int);", "", "hidden-statement"),
            // Only a line's end ends a comment, only ASCII spaces part words.
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'x' --\u{2028}; DROP TABLE a;", "", nil),
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'x' --\r; DROP TABLE a;", "", "hidden-statement"),
            ("ACL", "GRANT\u{A0}x SELECT ON TABLE public.clients TO app;", "", "undecidable"),
            ("COMMENT", "COMMENT ON TABLE public.clients IS 'x';\u{301} DROP TABLE a;", "", "hidden-statement"),
        ] as [(String, String, String, String?)])
    func `finds what an entry could do`(kind: String, sql: String, copy: String, rule: String?) {
        let rules = Self.rules(kind, sql, copy: copy)
        if let rule { #expect(rules.contains(rule), "\(rules)") } else { #expect(rules == []) }
    }

    @Test(arguments: [
        ("CREATE FUNCTION f(a text) RETURNS text LANGUAGE sql AS $$ SELECT concat_ws(' ', a, 'x') $$;", true),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.a := coalesce(NEW.a, now()); RETURN NEW; END $$;",
            true
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.iban := 'LT12'; RETURN NEW; END $$;",
            false
        ),
        (
            "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.iban := NEW.nom; RETURN NEW; END $$;",
            false
        ),
        ("CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;", false),
        ("CREATE FUNCTION f(a text) RETURNS text LANGUAGE sql SECURITY DEFINER AS $$ SELECT a $$;", false),
        ("CREATE FUNCTION f(a text) RETURNS text LANGUAGE sql SET search_path = evil AS $$ SELECT lower(a) $$;", false),
        ("CREATE FUNCTION f(a text) RETURNS text LANGUAGE sql AS $$ SELECT g(a) $$;", false),
        ("CREATE FUNCTION f(a text) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE a; END $$;", false),
        ("CREATE FUNCTION f(a text) RETURNS void LANGUAGE plpgsql AS 'BEGIN execute a; END';", false),
        ("CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'x', 'y';", false),
    ])
    func `knows code that can only compute`(sql: String, isInnocent: Bool) {
        #expect(CodeJudge.isInnocentFunction(sql) == isInnocent)
    }

    @Test func `holds a definition against the baseline, whatever its spacing, and finds a changed body`() {
        func function(_ body: String) -> DumpObject {
            DumpObject(
                kind: "FUNCTION", schema: "public", name: "f()",
                sql: "CREATE FUNCTION public.f() RETURNS int\n LANGUAGE plpgsql SECURITY DEFINER\n AS $$\(body)$$;",
                location: "")
        }
        let baseline = Baseline(objects: [function("begin\n  -- one\n  return 1;\nend")])
        func rules(_ body: String) -> [String] {
            ObjectJudge.findings(on: [function(body)], baseline: baseline).map(\.rule)
        }
        #expect(rules("begin\n    -- one\n return 1;\n\nend") == [])
        #expect(rules("begin\n  -- one return 1;\nend") == ["function", "changed-since-baseline"])
        #expect(rules("begin\n  -- one\n  return 2;\nend") == ["function", "changed-since-baseline"])
    }

    @Test func `cuts words as the server does`() {
        let scanned = SQLTokens("Select \"A\".b -- x\n /* /* */ y */ , e'it\\'s', 'd''e', $q$ $$ $q$ ; U&\"x\"")
        #expect(scanned.words == ["select", "A.b", "u", "x"])
        #expect(scanned.strings == ["it's", "d'e", " $$ "])
        #expect(scanned.isUnclear)
        #expect(
            SQLTokens("select 'open").isUnclear && SQLTokens("/* open").isUnclear && SQLTokens("$a$ open").isUnclear)
    }

    @Test func `has each of its rules in the reference, and no other`() throws {
        try Self.compare("judgement-rules.md", JudgementRule.all.map { ($0.id, $0.severity) })
    }

    @Test func `and so has the reconciliation`() throws {
        try Self.compare("reconciliation-rules.md", ReconciliationRule.all.map { ($0.id, $0.severity) })
    }

    /// Rows of the page's table begin with the rule and its severity.
    static func compare(_ page: String, _ rules: [(String, String)]) throws {
        let path = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "docs/reference/" + page)
        let rows = try String(contentsOf: path, encoding: .utf8).split(separator: "\n").filter { $0.hasPrefix("| `") }
            .map { $0.split(separator: "|").prefix(2).map { $0.trimmingCharacters(in: [" ", "`"]) } }
        #expect(Set(rows) == Set(rules.map { [$0.0, $0.1] }))
        #expect(rows.count == rules.count)
    }
}
