internal import Diagnostics
internal import Foundation
internal import Postgres
internal import PostgresServer

/// What befalls a played bank, how it is found, and where to restore to.
struct DrillAct: Sendable {
    let bank: PlayedBank
    var checks: [DrillCheck] = []
    var notes: [String] = []
    /// Where the bank is restored to when the act is over.
    var target = RestoreTarget.newest

    init(bank: PlayedBank) { self.bank = bank }

    mutating func play(_ scenario: Drill.Scenario) async throws {
        switch scenario {
        case .droppedDatabase: try await dropDatabase()
        case .damagedPages: try await damagePages()
        case .ransomware: try await encrypt()
        case .lostKey: try await loseKey()
        case .badMigration: try await migrateBadly()
        case .maliciousInsider: try await wipe()
        case .newest, .older, .lostRepository, .lostServer, .lostTable: break
        }
    }

    mutating func check(
        _ name: String, _ french: String, _ passed: Bool, _ detail: String,
        _ concern: DrillCheck.Concern = .surroundings
    ) {
        checks.append(
            DrillCheck(name: name, nameFrench: french, passed: passed, detail: detail, seconds: 0, concern: concern))
    }

    // MARK: acts

    private mutating func dropDatabase() async throws {
        let name = bank.desk.bank
        try await bank.cluster.dropDatabase(name)
        try await bank.archive()
        let search = try await DestructionFinder(desk: bank.desk).find(rowsMin: 1000)
        let drop = search.acts.last { $0.kind == .databaseDropped }
        check(
            "the dropped database is found in the log", "la suppression de la base se trouve dans le journal",
            drop != nil && search.gaps.isEmpty,
            drop.map { "\($0.committedAt), at \($0.commit)" } ?? "nothing; \(search.gaps.joined(separator: "; "))")
        if let drop { target = .position(drop.commit, isIncluded: false) }
    }

    private mutating func damagePages() async throws {
        let files = try await bank.with { try await $0.all(DrillActStore.exerciseFiles, as: String.self) }
        let sound = try await bank.desk.make(.full).sets.last?.label ?? ""
        try await bank.archive()
        let left = try await bank.with { try await $0.one(DrillActStore.rowsOnOddPages, as: Int64.self) }
        // One page of the table, one of its index, one of its toast table.
        try await bank.cluster.stop(.fast)
        for file in files { try bank.damage(file, isWhole: false) { $0 == 1 } }
        let few = try PageScan.scan(dataDirectory: bank.cluster.dataDirectory)
        check(
            "a damaged page of a table, of an index and of a toast table is found and its file named",
            "une page endommagée d’une table, d’un index, d’une table TOAST est trouvée et son fichier nommé",
            few.badPages == files.count && Set(few.files.keys) == Set(files), few.summary)
        try await bank.cluster.start()
        try await backUp("few", naming: files)

        // Every second page of the table: pgBackRest 2.45 dies of it where there are many.
        try await bank.cluster.stop(.fast)
        try bank.damage(files[0]) { $0 % 2 == 0 }
        let many = try PageScan.scan(dataDirectory: bank.cluster.dataDirectory)
        check(
            "many pages of noise are found", "de nombreuses pages de bruit sont trouvées", many.noisePages > 100,
            "\(many.badPages) bad pages, \(many.noisePages) of noise, in \(many.summary)")
        try await bank.cluster.start()
        try await backUp("many", naming: [files[0]])
        let read = try await bank.session { connection in
            for statement in DrillActStore.pastBadPages { try await connection.run(statement) }
            return try await connection.one(DrillActStore.exerciseRows, as: Int64.self)
        }
        // The page with one flipped byte is an odd one.
        check(
            "the rows of sound pages are read past the bad ones", "les lignes des pages saines se lisent encore",
            read > 0 && read <= left && read >= left - 4, "\(read) of \(left) on pages that are not noise")
        let chosen = try await Restorer(desk: bank.desk).chosen(
            Restorer.Request(target: .newest, directory: "/nowhere")
        ).label
        check(
            "the set from before is the one to restore", "la sauvegarde d’avant est celle qui se restaure",
            chosen == sound, "\(chosen), made before the damage: \(sound)", .restore)
    }

    /// A backup of damaged pages is made, kept aside, and its files are named.
    private mutating func backUp(_ words: String, naming files: [String]) async throws {
        let made = try await bank.desk.make(.full)
        let told = made.failures.joined(separator: "; ")
        check(
            "a backup with \(words) damaged pages is made, kept aside, and names their files",
            "une sauvegarde avec des pages endommagées (\(words)) est faite, écartée, et nomme leurs fichiers",
            made.sets.count == 1 && made.damaged == made.sets.map(\.label) && files.allSatisfy(told.contains),
            String(told.prefix(400)))
        if told.contains("pgbackrest died") {
            notes.append("pgbackrest died of \(words) damaged pages; taken without its look")
        }
    }

    private mutating func encrypt() async throws {
        let folder = try await bank.with { try await $0.one(DrillActStore.databaseFolder, as: String.self) }
        let data = bank.cluster.dataDirectory
        try await bank.cluster.stop(.immediate)
        let relations = try FileTree.files(below: data, folder).filter {
            PageScan.segmentNumber(of: ($0 as NSString).lastPathComponent) != nil
        }
        for (index, file) in relations.enumerated() {
            try bank.damage(file)
            // Every tenth gets a new name, as such programs give it.
            guard index % 10 == 0 else { continue }
            try FileManager.default.moveItem(atPath: "\(data)/\(file)", toPath: "\(data)/\(file).locked")
        }
        for name in try FileManager.default.contentsOfDirectory(atPath: data + "/pg_wal") where name.utf8.count == 24 {
            try bank.damage("pg_wal/" + name)
        }
        let scan = try PageScan.scan(dataDirectory: data)
        check(
            "encrypted and renamed files are found although the server does not answer",
            "les fichiers chiffrés et renommés sont trouvés bien que le serveur ne réponde pas",
            scan.noisePages > 100 && scan.noisePages == scan.badPages && !scan.strangers.isEmpty,
            "\(scan.noisePages) of \(scan.pages) pages are noise, \(scan.strangers.count) strange names")
    }

    private mutating func loseKey() async throws {
        let folder = bank.desk.folder
        try await bank.archive()
        try await bank.cluster.stop(.fast)
        // The keys' provider is gone, and the server with its configuration.
        try FileManager.default.removeItem(atPath: folder.keys)
        unlink(folder.configuration)
        var told = "a restore without keys was not refused"
        do {
            _ = try await Restorer(desk: bank.desk).restore(
                Restorer.Request(target: .newest, directory: folder.path + "/without-keys"))
        } catch let error as ContinuityError {
            told = "\(error.code): \(error.message)"
        }
        check(
            "without the keys nothing is restored, and the answer names them",
            "sans les clés rien ne se restaure, et la réponse les nomme", told.hasPrefix("backup_key_lost"), told)
        try FileManager.default.copyItem(atPath: bank.keysApart, toPath: folder.keys)
    }

    private mutating func migrateBadly() async throws {
        try await asOwner(DrillActStore.badMigration)
        try await bank.archive()
        let (cluster, folder) = (bank.cluster, bank.desk.folder)
        let wrong = try await bank.with {
            await DrillChecker(folder: folder, cluster: cluster, database: $0).run(only: [
                "the ledger proves itself", "the trial balance is zero",
            ])
        }
        check(
            "the bank's own books show what the migration did", "les comptes de la banque montrent la migration ratée",
            wrong.contains { !$0.passed }, wrong.map { "\($0.name): \($0.detail)" }.joined(separator: "; "))
        try await goBefore(.updated, "the mass change of the migration is found in the log")
    }

    private mutating func wipe() async throws {
        let folder = bank.desk.folder
        _ = await KeptRecords.keep(folder)
        try await asOwner(DrillActStore.insider)
        try await bank.archive()
        // Logs of the server, and what is known of the backups.
        let logs = (bank.cluster.logFile as NSString).deletingLastPathComponent
        for name in try FileManager.default.contentsOfDirectory(atPath: logs) { unlink(logs + "/" + name) }
        for path in [folder.journal] { unlink(path) }
        let audit = try await bank.desk.verify(deep: false)
        check(
            "a wiped journal of backups is found by its copy beside the repository",
            "l’effacement du journal des sauvegardes est vu par sa copie près du dépôt",
            audit.findings.contains { $0.kind == "journal-cut" }, audit.findings.map(\.kind).joined(separator: ", "))
        let cluster = bank.cluster
        let asked = try await bank.with {
            await DrillChecker(folder: folder, cluster: cluster, database: $0).run()
        }
        let wrong = asked.filter { !$0.passed }.map(\.name)
        check(
            "removed entries and postings are found", "les écritures et entrées effacées sont trouvées",
            wrong.contains("the ledger proves itself") || wrong.contains("the journal's chain is whole"),
            wrong.joined(separator: ", "))
        try await goBefore(.deleted, "the mass deletion is found in the log")
    }

    // MARK: leaves

    private func asOwner(_ statements: [Statement]) async throws {
        try await bank.session { connection in
            for statement in statements { try await connection.run(statement) }
        }
    }

    private mutating func goBefore(_ kind: Destruction.Kind, _ words: String) async throws {
        let search = try await DestructionFinder(desk: bank.desk).find(rowsMin: 3)
        let act = search.acts.last { $0.kind == kind }
        check(
            words, "l’acte se trouve dans le journal", act != nil && search.gaps.isEmpty,
            act.map { "\($0.rows) rows at \($0.committedAt)" } ?? "nothing; \(search.gaps.joined(separator: "; "))")
        if let act { target = .position(act.commit, isIncluded: false) }
    }
}

/// Scenarios that are played on a copy of the bank.
extension Drill {
    func play(_ course: Course) async throws -> DrillReport {
        var chosen: BackupSet?
        let bank: PlayedBank
        do {
            var order = try await order(course, desk)
            let set = try await Restorer(desk: desk).chosen(order)
            chosen = set
            (order.label, order.repository) = (set.label, set.repository)
            bank = try await PlayedBank.make(
                of: desk, order, at: course.room + "-server",
                rows: course.request.scenario == .damagedPages ? Self.manyRows : 500)
        } catch {
            try Task.checkCancellation()
            return try await conclude(course, Self.notRestored(course, chosen, error))
        }
        do {
            let report = try await play(course, bank)
            await bank.end()
            return report
        } catch {
            await bank.end()
            throw error
        }
    }

    /// Two on a page: 25,000 pages, of which every second one is damaged.
    private static let manyRows = 50_000

    private func play(_ course: Course, _ bank: PlayedBank) async throws -> DrillReport {
        var act = DrillAct(bank: bank)
        var report = Self.report(course, bank.origin.label, bank.origin.repository, [])
        defer { try? FileManager.default.removeItem(atPath: course.room) }
        do {
            if course.request.scenario != .damagedPages { _ = try await bank.desk.make(.full) }
            let before = try await bank.state()
            try await act.play(course.request.scenario)
            var request = Restorer.Request(target: act.target, directory: course.room)
            request.isScratch = true
            request.usesServerLog = false
            let begun = ContinuousClock.now
            let restored = try await Restorer(desk: bank.desk).restore(request)
            let database = Database(restored.cluster.configuration(database: desk.bank))
            let after = try? await PlayedBank.state(database)
            act.check(
                "postings, balances and journal are those from before",
                "écritures, soldes et journal sont ceux d’avant",
                after == before, "\(after ?? []) where \(before) was", .content)
            let asked = DrillChecker(folder: bank.desk.folder, cluster: restored.cluster, database: database)
            act.checks += await asked.run()
            await database.close()
            try? await restored.cluster.destroy()
            report.restoreSeconds = restored.restoreSeconds
            report.recoverySeconds = restored.recoverySeconds
            report.checkSeconds = max(0, (ContinuousClock.now - begun) / .seconds(1) - report.rtoSeconds)
            report.lastMoment = restored.lastMoment
            report.replayed = "\(restored.replayed)"
        } catch {
            try Task.checkCancellation()
            act.check(
                "the drill comes to its end", "l’exercice va à son terme", false,
                (error as? any Fault)?.message ?? "\(error)")
        }
        report.checks = act.checks
        report.notes = act.notes
        report.passed = act.checks.allSatisfy(\.passed)
        report.outcome = .of(act.checks)
        report.endedAt = Int64(desk.now().timeIntervalSince1970)
        return try await conclude(course, report)
    }
}
