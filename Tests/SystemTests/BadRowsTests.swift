import Foundation
import PostgresServer
import TestSupport
import Testing

/// Rows that can not stand in the canonical bank are set aside with the reason; the rest goes in.
@Suite struct BadRowsTests {
    @Test func `a row that the bank's rules refuse takes nothing else down`() async throws {
        let dump = """
            --
            -- PostgreSQL database dump
            --
            CREATE TABLE public.clients (
                id bigint NOT NULL, civilite text, nom text, prenom text, email text, telephone text, adresse text,
                code_postal text, ville text, date_naissance date, mot_de_passe text, nir bytea,
                cree_le timestamp without time zone
            );
            CREATE TABLE public.comptes (
                id bigint NOT NULL, client_id bigint, iban text, bic text, type text, devise character(3),
                solde numeric(15,2), decouvert_autorise numeric(15,2), ouvert_le date, statut text
            );
            CREATE TABLE public.cartes (
                id bigint NOT NULL, compte_id bigint, pan text, expiration date, cvv text, reseau text,
                plafond numeric(15,2), statut text, emise_le date
            );
            COPY public.clients (id, civilite, nom, prenom, email, telephone, adresse, code_postal, ville, \
            date_naissance, mot_de_passe, nir, cree_le) FROM stdin;
            1\tMME\tMARTIN\tAnne\ta@b.fr\t0612345678\t1 rue A\t75001\tParis\t1980-01-01\tx\t\\N\t2020-01-01 10:00:00
            2\tM\tPETIT\tLuc\tl@b.fr\t0612345679\t2 rue A\t75001\tParis\t1981-01-01\tx\t\\N\t2020-01-01 10:00:00
            \\.

            COPY public.comptes (id, client_id, iban, bic, type, devise, solde, decouvert_autorise, ouvert_le, statut) \
            FROM stdin;
            10\t1\tFR7630006000011234567890189\tAGRIFRPP\tcourant\tEUR\t100.00\t0.00\t2020-01-01\tactif
            11\t2\tFR7610107001011234567890129\tno bic!\tcourant\tEUR\t50.00\t0.00\t2020-01-01\tactif
            12\t2\tFR7630004000031234567890143\tBNPAFRPP\tcourant\tEUR\t25.00\t0.00\t2020-01-01\tactif
            \\.

            COPY public.cartes (id, compte_id, pan, expiration, cvv, reseau, plafond, statut, emise_le) FROM stdin;
            100\t11\t4111111111111111\t2030-01-31\t123\tVISA\t500.00\tactive\t2020-01-01
            101\t12\t4012888888881881\t2030-01-31\t123\tVISA\t500.00\tactive\t2020-01-01
            \\.

            --
            -- PostgreSQL database dump complete
            --

            """.replacing("\\\n", with: "")
        let report = try await recover(dump, mapping: "banque-simulee")
        #expect(report.restored == ["clients": 2, "comptes": 2, "cartes": 1])
        #expect(report.quarantine.contains { $0.contains("comptes_bic_bien_forme") && $0.contains("no bic!") })
        #expect(report.quarantine.contains { $0.contains("its account is not in the restored bank") })
    }

    @Test func `a value that the mapping can not read is set aside alone`() async throws {
        let dump = """
            --
            -- PostgreSQL database dump
            --
            CREATE TABLE public.client (client_id integer NOT NULL, birth_number text NOT NULL, district_id integer);
            CREATE TABLE public.district (district_id integer NOT NULL, name text NOT NULL, region text NOT NULL);
            COPY public.client (client_id, birth_number, district_id) FROM stdin;
            1\t706213\t1
            2\t45XX04\t1
            3\t406009\t1
            4\t991399\t1
            \\.

            COPY public.district (district_id, name, region) FROM stdin;
            1\tPraha\tPrague
            \\.

            --
            -- PostgreSQL database dump complete
            --

            """
        let report = try await recover(dump, mapping: "berka")
        #expect(report.restored["clients"] == 2)
        #expect(report.quarantine.filter { $0.contains("do not fit the mapping") }.count == 2)
    }

    private struct Report {
        let restored: [String: Int]
        let quarantine: [String]
    }

    private func recover(_ dump: String, mapping: String) async throws -> Report {
        try await withTemporaryDirectory { folder in
            try Data(dump.utf8).write(to: URL(fileURLWithPath: folder + "/bank.sql"))
            let data = folder + "/data"
            let run = try await Program.run(
                "recover", folder + "/bank.sql", "--data-dir", data, "--mapping", mapping, "--no-backup",
                "--no-pdf")
            #expect(run.status == 3, "\(run.error)")
            let bytes = try Data(contentsOf: URL(fileURLWithPath: data + "/report/report.json"))
            let report = try JSONSerialization.jsonObject(with: bytes) as? [String: Any]
            let restored = (report?["restored"] as? [String: Any])?["rows"] as? [String: Int]
            let quarantine = try String(contentsOfFile: data + "/recovery/quarantine/rebuild.jsonl", encoding: .utf8)
            _ = try await Program.run("down", "--data-dir", data)
            return Report(
                restored: (restored ?? [:]).filter { $0.key.split(separator: ".").count == 1 && $0.value > 0 },
                quarantine: quarantine.split(separator: "\n").map(String.init))
        }
    }
}
