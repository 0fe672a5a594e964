internal import Postgres

/// Keys, references and gaps in sequences.
extension Reconciler {
    /// A number of a row and how often something speaks of it.
    struct KeyCount: RowDecodable {
        let key: Int64
        let count: Int64

        init(row: Row) throws {
            key = try row.decode(0)
            count = try row.decode(1)
        }
    }

    mutating func checkKeys() async throws {
        for role in RoleTable.allCases where profile(role).rows != profile(role).ids {
            for found in try await connection.all(PeopleStore.duplicateKeys(role), as: KeyCount.self) {
                add(.duplicateKey, nil, role.rawValue, String(found.key), .certain, note: "\(found.count) rows")
            }
        }
        for reference in PeopleStore.references {
            guard has(reference.child, reference.column), profile(reference.parent).rows > 0 else { continue }
            let orphans = try await connection.all(
                PeopleStore.orphans(reference.child, reference.column, reference.parent), as: KeyCount.self)
            for orphan in orphans {
                add(
                    .orphan, wholeTables.contains(reference.parent) ? Self.kindOfDeletion(reference.parent) : nil,
                    reference.parent.rawValue, String(orphan.key), .certain,
                    note: "\(orphan.count) \(reference.child.rawValue)")
                if reference.child == .comptes { proposeClient(orphan.key) }
            }
        }
    }

    static func kindOfDeletion(_ role: RoleTable) -> RowFinding.Kind {
        switch role {
        case .clients: .clientDeleted
        case .cartes: .cardDeleted
        case .transactions: .transactionDeleted
        case .logs: .logWiped
        default: .rowDeleted
        }
    }

    /// Accounts without their client would be left behind, and the money with them.
    private mutating func proposeClient(_ number: Int64) {
        propose(
            Repair(
                .missingRow, .clients, String(number), .insert,
                [.init(column: "numero", before: nil, after: String(number))], certainty: .certain,
                fr: "fiche provisoire, sans identité, pour que les comptes de ce client soient repris",
                en: "a provisional entry without identity, so that this client's accounts are taken over"))
    }

    struct Gap: RowDecodable {
        let first: Int64
        let last: Int64
        let before: String?
        let after: String?

        init(first: Int64, last: Int64) {
            (self.first, self.last, before, after) = (first, last, nil, nil)
        }

        init(row: Row) throws {
            first = try row.decode(0)
            last = try row.decode(1)
            before = try row.decodeIfPresent(2)
            after = try row.decodeIfPresent(3)
        }

        var times: String? { before.flatMap { before in after.map { "\(before) – \($0)" } } }
    }

    /// Runs of missing ids of a table whose ids have no gaps of their own.
    func gaps(_ role: RoleTable) async throws -> [Gap] {
        guard profile(role).isDense else { return [] }
        var gaps = try await connection.all(
            ReconcileStore.missingIds(role, time: Self.time[role]), as: Gap.self)
        let last = profile(role).last
        if let next = lastIDs[role], next > last, next - last <= max(20, profile(role).ids / 50) {
            gaps.append(Gap(first: last + 1, last: next))
        }
        return gaps
    }

    /// A run this long in a damaged table is the damage's.
    private static let lostRunMin: Int64 = 3

    mutating func findMissingRows() async throws {
        for role in RoleTable.allCases where role != .logs {
            let isWhole = wholeTables.contains(role)
            for gap in try await gaps(role) {
                if !isWhole, gap.last - gap.first + 1 >= Self.lostRunMin {
                    add(.lostRow, nil, role.rawValue, "\(gap.first)-\(gap.last)", at: gap.times)
                    continue
                }
                if role == .transactions {
                    for id in gap.first...gap.last { missingOperations.insert(id) }
                    continue
                }
                for id in gap.first...gap.last {
                    add(
                        .missingRow, Self.kindOfDeletion(role), role.rawValue, String(id),
                        isWhole ? .certain : .likely, at: gap.times)
                    if role == .clients { proposeClient(id) }
                }
            }
        }
    }
}
