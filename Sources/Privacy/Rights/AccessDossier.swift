internal import Evidence
public import Foundation
internal import Postgres
internal import Vault
internal import Web

/// Everything that the bank holds about one client, in a form that the client and other programs can read.
public struct AccessDossier: Sendable {
    public struct Section: Sendable {
        public let name: String
        /// The table that the rows come from.
        public let relation: String
        public let columns: [String]
        public let rows: [[String?]]
    }

    public let client: UUID
    public let madeAt: Date
    public let identity: [String: String]
    public let sections: [Section]

    public func section(_ name: String) -> Section? { sections.first { $0.name == name } }

    /// `digitalbank.access/1`: values as strings, amounts in minor units.
    public var json: String {
        var out = "{\"format\":\"digitalbank.access/1\",\"client\":\"\(client.uuidString.lowercased())\",\"made_at\":\""
        out += madeAt.formatted(.iso8601) + "\",\"identity\":"
        out += JSON.object(identity.sorted { $0.key < $1.key }.map { .init($0.key, .string($0.value)) }).text
        out += ",\"sections\":{"
        for (index, section) in sections.enumerated() {
            out += (index > 0 ? "," : "") + JSON.string(section.name).text
            out += ":{\"table\":\"\(section.relation)\",\"count\":\(section.rows.count),\"rows\":["
            let names = section.columns.map { JSON.string($0).text }
            for (number, row) in section.rows.enumerated() {
                out += number > 0 ? ",{" : "{"
                for (place, value) in row.enumerated() {
                    out += (place > 0 ? "," : "") + names[place] + ":" + (value.map { JSON.string($0).text } ?? "null")
                }
                out += "}"
            }
            out += "]}"
        }
        return out + "}}"
    }

    /// One table for each section that has rows.
    public func csv(_ section: Section) -> String {
        var table = CSVTable(section.columns)
        for row in section.rows { table.add(row.map { $0 ?? "" }) }
        return table.text
    }

    /// The readable part: who, which accounts, how much of what, the newest operations.
    static let operationsShown = 100

    public var page: HTMLPage {
        var page = HTMLPage(title: "Vos données personnelles", language: "fr")
        page.paragraph(
            "Réponse à une demande d'accès (RGPD art. 15) et de portabilité (art. 20). Les fichiers CSV et JSON joints "
                + "contiennent toutes les lignes ; chaque fichier est signé.")
        page.heading("Identité")
        page.table(["Donnée", "Valeur"], identity.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
        page.heading("Ce que la banque conserve")
        page.table(["Rubrique", "Table", "Lignes"], sections.map { [$0.name, $0.relation, "\($0.rows.count)"] })
        for name in ["accounts", "cards", "payees", "consents", "reads", "reveals"] {
            guard let section = section(name), !section.rows.isEmpty else { continue }
            page.heading(name)
            page.table(section.columns, section.rows.map { $0.map { $0 ?? "" } })
        }
        if let operations = section("operations"), !operations.rows.isEmpty {
            page.heading(
                "Dernières opérations (\(min(Self.operationsShown, operations.rows.count)) sur \(operations.rows.count))"
            )
            page.table(
                operations.columns, operations.rows.suffix(Self.operationsShown).reversed().map { $0.map { $0 ?? "" } })
        }
        return page
    }
}

extension PrivacyDesk {
    /// Columns of free text, in which other persons may be named.
    private static let freeText: Set<String> = ["libelle", "reference", "motif", "marchand", "raison"]

    /// Gathers the client's data; what belongs to third parties is masked.
    public func dossier(of client: UUID) async throws -> AccessDossier {
        let identity = try await sealedIdentity(of: client)
        let found = try await database.transaction(isolation: .repeatableRead) { tx in
            try await AccessStore(database: tx).sections(of: client)
        }
        var sections: [AccessDossier.Section] = []
        for section in found {
            var rows = section.rows
            if section.name == "accounts" { try await openIBANs(&rows, section, of: client) }
            if section.name == "payees" { try await maskNames(&rows, section, of: client) }
            mask(&rows, section.columns)
            sections.append(
                .init(name: section.name, relation: section.relation, columns: section.columns, rows: rows))
        }
        return AccessDossier(client: client, madeAt: clock(), identity: identity, sections: sections)
    }

    private func openIBANs(_ rows: inout [[String?]], _ section: AccessStore.Section, of client: UUID) async throws {
        guard let column = section.columns.firstIndex(of: "iban") else { return }
        for index in rows.indices {
            guard let sealed = rows[index][column].flatMap({ [UInt8](hexText: $0) }), let id = rows[index][0] else {
                continue
            }
            let place = SealedPlace(table: "comptes", column: "iban", row: id)
            rows[index][column] = String(
                decoding: try await secrets.vault.open(sealed, of: client, at: place), as: UTF8.self)
        }
    }

    private func maskNames(_ rows: inout [[String?]], _ section: AccessStore.Section, of client: UUID) async throws {
        guard let column = section.columns.firstIndex(of: "nom") else { return }
        for index in rows.indices {
            guard let sealed = rows[index][column].flatMap({ [UInt8](hexText: $0) }), let id = rows[index][0] else {
                continue
            }
            let place = SealedPlace(table: "beneficiaires", column: "nom", row: id)
            let name = String(decoding: try await secrets.vault.open(sealed, of: client, at: place), as: UTF8.self)
            rows[index][column] = name.split(separator: " ").map { "\($0.prefix(1))***" }.joined(separator: " ")
        }
    }

    private func mask(_ rows: inout [[String?]], _ columns: [String]) {
        let places = columns.indices.filter { Self.freeText.contains(columns[$0]) }
        guard !places.isEmpty else { return }
        let scanner = PersonalScanner()
        for index in rows.indices {
            for place in places {
                guard let text = rows[index][place], !text.isEmpty else { continue }
                rows[index][place] = scanner.masked(text)
            }
        }
    }

    /// Answers an access or portability request: gathered, journaled, registered.
    public func access(
        _ client: UUID, kind: String = "access", proof: IdentityProof? = nil, by requester: Requester
    ) async throws -> AccessDossier {
        guard ["access", "portability"].contains(kind) else {
            throw PrivacyError.request("\(kind) is neither access nor portability")
        }
        let event = try event("privacy.\(kind)", client, ["channel": requester.channel.rawValue], requester)
        // Gathered outside of the transaction that journals it: one connection at a time, so that many who ask at once do
        // not wait for each other's second one.
        let gathered: Result<AccessDossier, any Error>
        do {
            if let proof { try await check(proof, of: client, in: database) }
            gathered = .success(try await dossier(of: client))
        } catch {
            gathered = .failure(error)
        }
        return try await journal.attempt(event) { tx in
            let dossier = try gathered.get()
            let rows = dossier.sections.reduce(0) { $0 + $1.rows.count }
            _ = try await RightsStore(database: tx).addRequest(
                client, kind: kind, status: "done", by: requester, reason: nil, outcome: "{\"rows\":\(rows)}")
            return dossier
        }
    }
}
