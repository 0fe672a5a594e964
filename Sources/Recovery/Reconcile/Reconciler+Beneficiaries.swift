internal import Foundation
internal import Postgres

/// Beneficiaries changed en masse: the money of many clients redirected to few accounts.
extension Reconciler {
    private struct Beneficiary: RowDecodable {
        let id: Int64
        let iban: String
        let name: String

        init(row: Row) throws {
            id = try row.decode(0)
            iban = try row.decode(1)
            name = try row.decodeIfPresent(2) ?? ""
        }
    }

    private struct Contradiction: RowDecodable {
        let id: Int64
        let iban: String
        let least: String
        let greatest: String
        let transfers: Int64

        init(row: Row) throws {
            id = try row.decode(0)
            iban = try row.decodeIfPresent(1) ?? ""
            least = try row.decode(2)
            greatest = try row.decode(3)
            transfers = try row.decode(4)
        }

        /// The one IBAN that all transfers went to.
        var earlier: String? { least == greatest ? least : nil }
    }

    private struct Named: RowDecodable {
        let id: Int64
        let ofClient: String?
        let ofOthers: String?
        let bic: String?

        init(row: Row) throws {
            id = try row.decode(0)
            ofClient = try row.decodeIfPresent(1)
            ofOthers = try row.decodeIfPresent(2)
            bic = try row.decodeIfPresent(3)
        }
    }

    mutating func checkBeneficiaries() async throws {
        guard has(.beneficiaires, "iban") else { return }
        let table = RoleTable.beneficiaires.rawValue
        var suspects: [Int64: String] = [:]
        var earlier: [Int64: String] = [:]
        for found in try await connection.all(PeopleStore.contradicted, as: Contradiction.self) {
            suspects[found.id] = found.iban
            if let iban = found.earlier, !facts.collectors.contains(iban) { earlier[found.id] = iban }
            add(
                .beneficiaryContradicted, .beneficiaryAltered, table, String(found.id), column: "iban",
                expected: found.earlier, found: found.iban, .certain, note: "\(found.transfers) transfers")
        }
        let shared = Dictionary(
            grouping: try await connection.all(PeopleStore.shared, as: Beneficiary.self), by: \.iban)
        for (iban, holders) in shared.sorted(by: { $0.key < $1.key }) {
            guard Self.areUnrelated(holders.map(\.name)) || holders.contains(where: { earlier[$0.id] != nil }) else {
                continue
            }
            for holder in holders {
                suspects[holder.id] = iban
                add(
                    .beneficiaryShared, .beneficiaryAltered, table, String(holder.id), column: "iban", found: iban,
                    .certain, note: "\(holders.count) beneficiaries")
            }
        }
        if !facts.collectors.isEmpty {
            for holder in try await connection.all(
                PeopleStore.held(by: facts.collectors.sorted()), as: Beneficiary.self)
            {
                suspects[holder.id] = holder.iban
                add(
                    .beneficiaryCollects, .beneficiaryAltered, table, String(holder.id), column: "iban",
                    found: holder.iban, .certain)
            }
        }
        try await proposeBeneficiaries(suspects, earlier)
    }

    /// Whether no word is common to many of the names: an energy supplier is called much the same by all its clients.
    static func areUnrelated(_ names: [String]) -> Bool {
        var uses: [String: Int] = [:]
        for name in names {
            for word in Set(name.lowercased().split { !$0.isLetter }.filter { $0.count >= 3 }) {
                uses[String(word), default: 0] += 1
            }
        }
        return (uses.values.max() ?? 0) * 2 <= max(names.count, 3)
    }

    private mutating func proposeBeneficiaries(_ suspects: [Int64: String], _ earlier: [Int64: String]) async throws {
        guard !suspects.isEmpty else { return }
        let ids = suspects.keys.sorted()
        var named: [Int64: String] = [:]
        var standing: [Int64: String] = [:]
        for row in try await connection.all(PeopleStore.ibansByName(ids), as: Named.self) {
            standing[row.id] = row.bic
            // One witness is not enough: half of the namesakes are somebody else.
            guard let guess = row.ofClient, guess == row.ofOthers, guess != suspects[row.id] else { continue }
            named[row.id] = guess
        }
        var bics: [String: String] = [:]
        for row in try await connection.run(PeopleStore.bicsByBank(without: ids)) {
            bics[try row.decode(0)] = try row.decode(1, as: String.self)
        }
        for id in ids {
            let before = suspects[id]
            guard let iban = earlier[id] ?? named[id] else {
                propose(
                    Repair(
                        .beneficiaryShared, .beneficiaires, String(id), .mark, certainty: .certain,
                        fr: "rien ne dit quel était l’IBAN : à vérifier avec le client avant tout virement",
                        en: "nothing tells what the IBAN was: to be checked with the client before any transfer"))
                continue
            }
            var changes = [Repair.Change(column: "iban", before: before, after: iban)]
            if has(.beneficiaires, "bic") {
                changes.append(
                    .init(
                        column: "bic", before: nil,
                        after: bics[String(iban.prefix(2)) + String(iban.dropFirst(4).prefix(5))]))
            }
            propose(
                Repair(
                    earlier[id] == nil ? .beneficiaryShared : .beneficiaryContradicted, .beneficiaires, String(id),
                    .set, changes, certainty: earlier[id] == nil ? .likely : .certain,
                    fr: earlier[id] == nil
                        ? "IBAN du seul client de ce nom, et des autres bénéficiaires de ce nom"
                        : "IBAN de tous les virements faits à ce bénéficiaire",
                    en: earlier[id] == nil
                        ? "IBAN of the only client of that name, and of the other beneficiaries of that name"
                        : "IBAN of all transfers made to this beneficiary"))
            if earlier[id] == nil {
                propose(
                    Repair(
                        .beneficiaryShared, .beneficiaires, String(id), .mark, certainty: .certain,
                        fr: "l’IBAN d’avant n’est que probable : à vérifier avec le client avant tout virement",
                        en: "the IBAN before is only likely: to be checked with the client before any transfer"))
            }
        }
    }
}
