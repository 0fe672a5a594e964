internal import Cryptography
internal import Diagnostics
internal import Evidence
internal import Foundation
internal import Postgres
internal import PostgresServer
internal import Salvage

extension RunDirectory {
    /// Each row that a rule speaks against, one JSON line each; for the operator.
    public var findingsFile: String { path + "/findings.jsonl" }
}

extension RecoveryEngine {
    /// Compares the rows with each other, proposes repairs, and applies those that may be applied.
    ///
    /// Everything that it changes of the bank's rows in the clean room, and its own result, is one transaction: killed
    /// before the end, it starts anew on unchanged rows; killed after, it finds the result.
    func reconcile(
        _ salvaged: Salvaged, _ inspected: Inspected, _ mapping: Mapping, in room: CleanRoom
    ) async throws -> Reconciled {
        let approved = try options.repairPlan.map { try RepairPlan.read($0) }
        let logs = try options.logs.map { try LogEvidence.read(folder: $0) }
        try await asSuperuser(room, ReconcileStore.makeSchemas)
        let database = Database(room.configuration())
        do {
            try await loadOlder(mapping, database)
            let reconciled = try await database.withConnection { first in
                try await database.withConnection { second in
                    try await self.reconcile(salvaged, inspected, mapping, approved, logs, [first, second])
                }
            }
            await database.close()
            try await asSuperuser(room, [ReconcileStore.dropWorkSchema])
            return reconciled
        } catch {
            await database.close()
            throw error
        }
    }

    private func asSuperuser(_ room: CleanRoom, _ statements: [Statement]) async throws {
        let superuser = Database(room.cluster.configuration(database: CleanRoomStore.database))
        do {
            for statement in statements { try await superuser.run(statement) }
            await superuser.close()
        } catch {
            await superuser.close()
            throw error
        }
    }

    /// The rows of a baseline that is an older dump, beside those of this one. Tables are made anew each time.
    private func loadOlder(_ mapping: Mapping, _ database: Database) async throws {
        guard let path = options.baseline else { return }
        let reader = try DumpReader(path: path, shapes: mapping.shapes)
        guard reader.inspection.objects.contains(where: { $0.kind == "TABLE DATA" }) else { return }
        let quarantine = try QuarantineFile(path: run.quarantineDirectory + "/older.jsonl")
        _ = try await load(reader, schema: CleanRoomStore.olderSchema, database: database, quarantine: quarantine)
    }

    private func reconcile(
        _ salvaged: Salvaged, _ inspected: Inspected, _ mapping: Mapping, _ approved: RepairPlan?,
        _ logs: LogEvidence?, _ sessions: [Connection]
    ) async throws -> Reconciled {
        let connection = sessions[0]
        for statement in ReconcileStore.makeTables { try await connection.run(statement) }
        if let json = try await connection.first(ReconcileStore.result, as: String.self) {
            try await journalRepairs(connection)
            return try RunDirectory.decoder.decode(Reconciled.self, from: Data(json.utf8))
        }
        for session in sessions {
            for statement in ReconcileStore.settings(timeZone: mapping.timeZone) { try await session.run(statement) }
        }
        var reconciler = Reconciler(
            connection: connection, mapping: mapping, wholeTables: Self.wholeTables(salvaged, mapping),
            setAside: try setAside(salvaged, mapping),
            lastIDs: Self.lastIDs(inspected.objects, mapping), dumpedAt: inspected.summary.createdAt)
        reconciler = try await RuleRunner(sessions: sessions, progress: progress).run(reconciler)
        if let logs { reconciler.add(logs, zone: TimeZone(identifier: mapping.timeZone) ?? .gmt) }
        let plan = RepairPlan(dump: inspected.summary.sha256, repairs: reconciler.repairs)
        let chosen = try plan.applicable(approvedPlan: approved, appliesCertain: options.appliesRepairs)
        return try await repair(reconciler, plan, chosen, connection)
    }

    private func repair(
        _ reconciler: Reconciler, _ plan: RepairPlan, _ chosen: [Repair], _ connection: Connection
    ) async throws -> Reconciled {
        try await connection.run(CleanRoomStore.begin)
        do {
            var applier = RepairApplier(
                connection: connection, sources: reconciler.sources,
                quarantine: try QuarantineFile(path: run.quarantineDirectory + "/reconcile.jsonl"))
            try await applier.apply(chosen)
            try write(reconciler.findings, plan)
            try await connection.run(ReconcileStore.keepEntries(try applier.applied.map { try Self.entry(of: $0) }))
            let reconciled = Reconciled(reconciler, applier)
            let json = String(decoding: try RunDirectory.encoder.encode(reconciled), as: UTF8.self)
            try await connection.run(ReconcileStore.keepResult(json))
            try await connection.run(CleanRoomStore.commit)
            try await journalRepairs(connection)
            return reconciled
        } catch {
            _ = try? await connection.run(CleanRoomStore.rollback)
            throw error
        }
    }

    private func write(_ findings: [RowFinding], _ plan: RepairPlan) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var lines = Data()
        for finding in findings {
            lines += try encoder.encode(finding)
            lines.append(UInt8(ascii: "\n"))
        }
        try DurableFile.write(lines, to: run.findingsFile)
        try run.write(plan, to: run.repairPlanFile)
    }

    /// The journal names each repaired row and binds its values by a hash: the values themselves stay in the plan.
    private static func entry(of repair: Repair) throws -> (subject: String, body: String) {
        let values = try RunDirectory.encoder.encode(repair.changes)
        let body =
            "{\"rule\":\"\(repair.rule)\",\"certainty\":\"\(repair.certainty.rawValue)\","
            + "\"approved\":\(repair.approved),\"changes\":\"\(SHA256.hash(Array(values)).hex)\"}"
        return (repair.id, body)
    }

    /// Once they are committed, and each once: a run that died in between goes on where it stopped.
    private func journalRepairs(_ connection: Connection) async throws {
        let kind = "recovery.repair.applied"
        for row in try await connection.run(ReconcileStore.entries) {
            let subject = try row.decode(0, as: String.self)
            guard await !journal.holds(kind: kind, subject: subject) else { continue }
            try await journal.append(
                kind: kind, subject: subject, body: try row.decode(1, as: String.self), at: now())
        }
    }

    /// Beneficiaries that a repair marked for a person.
    func unverifiedBeneficiaries(_ room: Database) async throws -> Set<Int64> {
        guard try await room.one(ReconcileStore.hasMarks, as: Bool.self) else { return [] }
        let keys = try await room.all(ReconcileStore.marked(RoleTable.beneficiaires.rawValue), as: String.self)
        return Set(keys.compactMap { Int64($0) })
    }

    /// Roles whose rows all came through: nothing lost, nothing set aside.
    static func wholeTables(_ salvaged: Salvaged, _ mapping: Mapping) -> Set<RoleTable> {
        let harmless = [Damage.Kind.bitFlip.rawValue]
        let damaged = Set(salvaged.damage.filter { !harmless.contains($0.kind) }.map { $0.table ?? "*" })
        return Set(
            RoleTable.allCases.filter { role in
                guard let source = RoleSource(role, in: mapping) else { return false }
                let names = [source.relation, "public." + source.relation]
                guard let outcome = salvaged.tables.first(where: { names.contains($0.name) }) else { return false }
                if outcome.quarantined > 0 || (outcome.lost ?? 0) > 0 { return false }
                let isProven = outcome.intact == 0 && outcome.loaded > 0
                return isProven || damaged.isDisjoint(with: names + ["*"])
            })
    }

    /// What of each role stands in the salvage's quarantine.
    private func setAside(_ salvaged: Salvaged, _ mapping: Mapping) throws -> [RoleTable: SetAside] {
        var roles: [String: (role: RoleTable, column: Int)] = [:]
        var found: [RoleTable: SetAside] = [:]
        for role in RoleTable.allCases {
            guard let source = RoleSource(role, in: mapping) else { continue }
            for table in salvaged.tables where [source.relation, "public." + source.relation].contains(table.name) {
                found[role, default: SetAside()].count += table.quarantined
                guard let key = source.rawColumn(of: role.key),
                    let column = salvaged.columns[table.name]?.firstIndex(of: key)
                else { continue }
                roles[table.name] = (role, column)
            }
        }
        let path = run.quarantineDirectory + "/rows.jsonl"
        guard found.values.contains(where: { $0.count > 0 }), FileManager.default.fileExists(atPath: path) else {
            return found
        }
        try QuarantineFile.lines(of: path, max: RuleLimits.rowsMax) { line in
            guard let entry = try? JSONDecoder().decode(QuarantineFile.Line.self, from: line),
                let (role, column) = roles[entry.table], let row = entry.row
            else { return }
            let fields = row.split(separator: "\t", omittingEmptySubsequences: false)
            guard column < fields.count, let id = Int64(fields[column]) else { return }
            found[role, default: SetAside()].ids.insert(id)
        }
        return found
    }

    /// Where the dump's sequences stood: `SELECT pg_catalog.setval('public.clients_id_seq', 1000, true);`
    static func lastIDs(_ objects: [DumpObject], _ mapping: Mapping) -> [RoleTable: Int64] {
        var last: [RoleTable: Int64] = [:]
        for object in objects where object.kind == "SEQUENCE SET" {
            let parts = object.sql.split { !($0.isLetter || $0.isNumber || $0 == "_" || $0 == ".") }.map(String.init)
            guard let index = parts.firstIndex(where: { $0.hasSuffix("_seq") }), index + 2 < parts.count,
                let value = Int64(parts[index + 1]), parts[index + 2] == "true"
            else { continue }
            let sequence = parts[index].split(separator: ".").last.map(String.init) ?? ""
            for role in RoleTable.allCases {
                guard let source = RoleSource(role, in: mapping), let key = source.rawColumn(of: role.key),
                    sequence == "\(source.relation)_\(key)_seq"
                else { continue }
                last[role] = value
            }
        }
        return last
    }
}
