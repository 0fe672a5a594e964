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

    /// Runs of missing ids of a table whose ids have no gaps of their own, but for those that a damage tore.
    func gaps(_ role: RoleTable) async throws -> [Gap] {
        let profile = profile(role)
        guard profile.rows > 0 else { return [] }
        let isWhole = wholeTables.contains(role)
        guard profile.isDense || !isWhole else { return [] }
        let isSequence = Self.time[role] != nil && profile.rows == profile.ids
        var gaps = try await connection.all(
            isSequence
                ? ReconcileStore.missingIdsOfSequence(role) : ReconcileStore.missingIds(role, time: Self.time[role]),
            as: Gap.self)
        if !isWhole, gaps.reduce(0, { $0 + ($1.isLong ? 0 : $1.count) }) > max(20, profile.ids / 50) { return [] }
        if isWhole, profile.first > 1, profile.first <= 20 {
            gaps.insert(Gap(first: 1, last: profile.first - 1), at: 0)
        }
        if let next = lastIDs[role], next > profile.last,
            !isWhole || Gap(first: profile.last + 1, last: next).count <= max(20, profile.ids / 50)
        {
            gaps.append(Gap(first: profile.last + 1, last: next))
        }
        return gaps
    }

    mutating func findMissingRows() async throws {
        for role in RoleTable.allCases where role != .logs {
            let (lost, missing) = attribute(try await gaps(role), role)
            for gap in lost {
                add(.lostRow, nil, role.rawValue, gap.key, at: gap.times)
                if role == .transactions { facts.lostOperations.append(gap.first...gap.last) }
            }
            var left = Int64(RuleLimits.rowsMax)
            for gap in missing {
                guard gap.count <= left else {
                    // A key that was set far away from the others: nobody deleted that many rows.
                    add(.lostRow, nil, role.rawValue, gap.key, at: gap.times)
                    continue
                }
                left -= gap.count
                for id in gap.first...gap.last {
                    guard role != .transactions else {
                        facts.missingOperations.insert(id)
                        continue
                    }
                    add(
                        .missingRow, Self.kindOfDeletion(role), role.rawValue, String(id),
                        wholeTables.contains(role) ? .certain : .likely, at: gap.times)
                    if role == .clients { proposeClient(id) }
                }
            }
        }
    }

    /// What the damage took, and what somebody must have deleted. In a damaged table long runs are the damage's, and so
    /// are as many single rows as were set aside, or those beside them.
    private func attribute(_ gaps: [Gap], _ role: RoleTable) -> (lost: [Gap], deleted: [Gap]) {
        guard !wholeTables.contains(role) else { return ([], gaps) }
        let short = gaps.filter { !$0.isLong }.reduce(0) { $0 + $1.count }
        let aside = setAside[role] ?? SetAside()
        var (lost, deleted): ([Gap], [Gap]) = ([], [])
        for gap in gaps {
            let isNear = aside.ids.contains(where: gap.touches)
            if gap.isLong || short <= aside.count || isNear { lost.append(gap) } else { deleted.append(gap) }
        }
        return (lost, deleted)
    }
}

/// Rows of a table that the salvage set aside, and the ids that could be read in them.
struct SetAside: Sendable {
    var count: Int64 = 0
    var ids: Set<Int64> = []
}

extension Reconciler.Gap {
    /// At most what a number holds: ids come from the dump, and may stand anywhere.
    var count: Int64 {
        guard last >= first else { return 0 }
        let (distance, isTooFar) = last.subtractingReportingOverflow(first)
        return isTooFar || distance == .max ? .max : distance + 1
    }

    /// Whether `id` stands in the gap or right beside it.
    func touches(_ id: Int64) -> Bool {
        (id >= first || id.addingReportingOverflow(1) == (first, false))
            && (id <= last || id.subtractingReportingOverflow(1) == (last, false))
    }

    /// In a damaged table a run this long is the damage's.
    var isLong: Bool { count >= 3 }

    var key: String { first == last ? "\(first)" : "\(first)-\(last)" }
}
