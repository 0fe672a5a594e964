import Evidence
import Foundation
import Postgres
import PostgresServer
import TestSupport

@testable import Recovery

/// A script of a few rows in the form of the simulated bank's dump, whose definitions and rows each test writes itself.
struct HandMadeBank {
    static let head = "--\n-- PostgreSQL database dump\n--\n"
    static let tail = "\n--\n-- PostgreSQL database dump complete\n--\n"

    static let clients = """
        CREATE TABLE public.clients (
            id bigint NOT NULL, civilite text, nom text, prenom text, email text, telephone text, adresse text,
            code_postal text, ville text, date_naissance date, mot_de_passe text, nir bytea,
            cree_le timestamp without time zone
        );

        """
    static let comptes = """
        CREATE TABLE public.comptes (
            id bigint NOT NULL, client_id bigint, iban text, bic text, type text, devise character(3),
            solde numeric(15,2), decouvert_autorise numeric(15,2), ouvert_le date, statut text
        );

        """
    static let transactions = """
        CREATE TABLE public.transactions (
            id bigint NOT NULL, compte_id bigint, date_operation timestamp without time zone, date_valeur date,
            montant numeric(15,2), type text, libelle text, contrepartie_nom text, contrepartie_iban text,
            carte_id bigint, solde_apres numeric(15,2), reference text
        );

        """

    static let clientColumns = """
        id, civilite, nom, prenom, email, telephone, adresse, code_postal, ville, date_naissance, mot_de_passe, nir, cree_le
        """
    static let accountColumns = """
        id, client_id, iban, bic, type, devise, solde, decouvert_autorise, ouvert_le, statut
        """
    static let operationColumns = """
        id, compte_id, date_operation, date_valeur, montant, type, libelle, contrepartie_nom, contrepartie_iban, \
        carte_id, solde_apres, reference
        """

    static func client(_ number: Int) -> String {
        "\(number)\tMME\tNOM\(number)\tAnne\ta\(number)@b.fr\t0612345678\t1 rue A\t75001\tParis\t1980-01-01\tx\t\\N\t"
            + "2020-01-01 10:00:00"
    }

    static func account(_ id: Int, _ client: Int, balance: String = "0.00") -> String {
        "\(id)\t\(client)\t\\N\t\\N\tcourant\tEUR\t\(balance)\t0.00\t2020-01-01\tactif"
    }

    static func operation(
        _ id: String, _ account: Int, _ amount: String, at time: String = "2024-03-01 10:00:00",
        day: String = "2024-03-01"
    ) -> String {
        "\(id)\t\(account)\t\(time)\t\(day)\t\(amount)\tvirement\tessai\t\\N\t\\N\t\\N\t\\N\t\\N"
    }

    static func copy(_ table: String, _ columns: String?, _ rows: [String]) -> String {
        let list = columns.map { " (\($0))" } ?? ""
        return "COPY public.\(table)\(list) FROM stdin;\n" + rows.map { $0 + "\n" }.joined() + "\\.\n\n"
    }

    let report: RecoveryReport
    let run: RunDirectory
    let data: String
    let database: Database
    let configuration: DatabaseConfiguration

    func quarantine() throws -> String {
        try ["rows", "rebuild", "rebuild-beside", "reconcile"].map { name in
            let path = run.quarantineDirectory + "/\(name).jsonl"
            guard FileManager.default.fileExists(atPath: path) else { return "" }
            return try String(contentsOfFile: path, encoding: .utf8)
        }
        .joined()
    }

    /// Recovers `script` into a database of the shared cluster.
    static func recover(
        _ script: String, in folder: String, options change: (inout RecoveryOptions) -> Void = { _ in },
        _ body: (HandMadeBank) async throws -> Void
    ) async throws {
        let configuration = try await freshTarget()
        let data = folder + "/data"
        try FileManager.default.createDirectory(
            atPath: data, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o755])
        try Data((head + script + tail).utf8).write(to: URL(fileURLWithPath: folder + "/bank.sql"))
        var options = RecoveryOptions(
            dump: folder + "/bank.sql", dataDirectory: data, reportDirectory: data + "/report")
        options.target = target(configuration)
        options.mapping = "banque-simulee"
        options.makesBackup = false
        options.typesetsReport = false
        change(&options)
        let engine = try RecoveryEngine.begin(
            options, restarts: false, binaries: PostgresBinaries.find(), key: SigningKey.open(path: folder + "/cle"),
            vault: RecoveredBank.keys(), progress: { _ in })
        let (report, _) = try await engine.recover()
        let database = Database(configuration)
        do {
            try await body(
                HandMadeBank(
                    report: report, run: engine.run, data: data, database: database, configuration: configuration))
            await database.close()
        } catch {
            await database.close()
            throw error
        }
    }

    static func freshTarget() async throws -> DatabaseConfiguration {
        let cluster = try await TestCluster.shared()
        let name = TestCluster.freshName("main")
        try await cluster.createDatabase(name)
        return try await TestCluster.configuration(database: name)
    }

    static func target(_ configuration: DatabaseConfiguration) -> RecoveryOptions.Target {
        .server(
            connectionString: configuration.connectionString + " password='\(configuration.password ?? "")'")
    }
}

/// What stands in the files below a folder.
enum FolderBytes {
    /// The files that hold `text`, by their paths below `folder`.
    static func holding(_ text: String, in folder: String) throws -> [String] {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        return names.filter { name in
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else { return false }
            return data.range(of: Data(text.utf8)) != nil
        }
    }
}
