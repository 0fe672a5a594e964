internal import Analytics
internal import Console
internal import Cryptography
internal import Foundation
internal import Gateway
internal import HTTPTypes
internal import Postgres
internal import Web

/// Puts the console in front of the bank's own API.
enum ConsolePages {
    static func open(
        _ request: ServeRequest, _ keys: ApiKeys, _ database: Database, _ api: Loopback, _ gate: ApiGate,
        _ analytics: AnalyticsService?
    ) throws -> ConsoleService {
        var settings = ConsoleSettings(
            cookieKey: HKDF.derive(
                key: keys.secret, salt: Array("digitalbank".utf8), info: Array("console-cookies".utf8)))
        settings.address = request.address(port: request.port)
        settings.isSecure = request.address(port: request.port).hasPrefix("https://")
        let check = gate.check
        let data = DataDirectory(request.dataDirectory)
        let backend = ConsoleBackend(
            send: { await api.answer($0) }, actor: { try? check($0).get() }, state: { BankState.read(data) },
            tools: ConsoleEquipment.make(request, analytics))
        return try ConsoleService(
            settings: settings, backend: backend, database: database,
            clock: { Int64(Date().timeIntervalSince1970) })
    }

    /// Whatever no other mount has is a page.
    static func mount(_ console: ConsoleService) -> Mount {
        Mount("", needsToken: false) { request, _ in await console.handle(request) }
    }
}

/// What this server knows of its data directory, for the admins' pages.
enum BankState {
    static func read(_ data: DataDirectory) -> JSON {
        guard let bytes = FileManager.default.contents(atPath: data.report + "/report.json"),
            let report = try? JSONReader.read(Array(bytes))
        else { return ["checks": []] }
        return ["checks": .array(checks(report)), "recovery": recovery(report)]
    }

    private static func checks(_ report: JSON) -> [JSON] {
        let all = report["checks"]?.array ?? []
        let passed = all.count { $0["passed"]?.bool == true }
        var checks: [JSON] = [
            [
                "name_fr": "Contrôles de la reprise", "name_en": "Recovery checks",
                "words_fr": .string("\(passed) contrôles réussis sur \(all.count)"),
                "words_en": .string("\(passed) of \(all.count) checks passed"), "ok": .bool(passed == all.count),
            ]
        ]
        if let protection = report["protection"], !protection.isNull {
            let isProved = protection["isProved"]?.bool ?? false
            checks.append([
                "name_fr": "Première sauvegarde", "name_en": "First backup",
                "words_fr": isProved ? "restaurée et comparée" : "restaurée, elle diffère de la banque",
                "words_en": isProved ? "restored and compared" : "restored, it differs from the bank",
                "ok": .bool(isProved),
            ])
        }
        return checks
    }

    private static func recovery(_ report: JSON) -> JSON {
        let tables = report["tables"]?.array ?? []
        func sum(_ names: [String], _ table: JSON) -> Int64 { names.compactMap { table[$0]?.integer }.reduce(0, +) }
        let rows: [JSON] = tables.map { table in
            let aside = sum(["inferred", "suspect", "refused"], table)
            return [
                "name": table["name"] ?? "", "read": .integer(sum(["proven", "intact"], table) + aside),
                "kept": table["restored"].flatMap { $0.isNull ? nil : $0 } ?? table["loaded"] ?? 0,
                "setAside": .integer(aside),
            ]
        }
        func fact(_ french: String, _ english: String, _ value: String?) -> JSON? {
            value.map { ["name_fr": .string(french), "name_en": .string(english), "value": .string($0)] }
        }
        let facts = [
            fact("Issue", "Outcome", report["outcome"]?.string),
            fact("Export", "Dump", report["dump"]?["path"]?.string.map { ($0 as NSString).lastPathComponent }),
            fact("Format", "Format", report["dump"]?["format"]?.string),
            fact("SHA-256", "SHA-256", report["dump"]?["sha256"]?.string),
            fact("Reprise", "Recovery", report["run"]?["id"]?.string),
            fact("Dommages situés", "Damage located", (report["damage"]?.array?.count).map { String($0) }),
            fact("Objets retirés", "Objects removed", (report["objects"]?.array?.count).map { String($0) }),
            fact(
                "Constats sur les données", "Findings in the data",
                (report["findings"]?.array?.count).map { String($0) }),
            fact(
                "Attaque", "Attack",
                report["attack"]?["from"]?.string.map { "\($0) – \(report["attack"]?["to"]?.string ?? "")" }),
        ].compactMap(\.self)
        return ["facts": .array(facts), "tables": .array(rows)]
    }
}
