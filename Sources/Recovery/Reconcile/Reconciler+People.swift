internal import Bank
internal import Foundation
internal import Postgres

/// Staff, the bank's own log, numbers, dates, outliers.
extension Reconciler {
    private struct Employee: RowDecodable {
        let id: Int64
        let login: String
        let role: String
        let at: String
        let hour: Int64
        let isRecent: Bool
        let exports: Int64
        let comesAlone: Bool

        init(row: Row) throws {
            id = try row.decode(0)
            login = try row.decode(1)
            role = try row.decode(2)
            at = try row.decode(3)
            hour = try row.decode(4)
            isRecent = try row.decodeIfPresent(5) ?? false
            exports = try row.decode(6)
            comesAlone = try row.decodeIfPresent(7) ?? false
        }

        /// Signs that nobody in the bank hired this person.
        var signs: [String] {
            var signs: [String] = []
            if ["admin", "dba", "root", "super"].contains(where: { role.lowercased().contains($0) }) {
                signs.append("administrator")
            }
            if hour < 6 || hour >= 22 { signs.append("made at night") }
            if exports > 0 { signs.append("\(exports) exports") }
            if comesAlone { signs.append("half a year after the last") }
            return signs
        }
    }

    mutating func checkStaff() async throws {
        for employee in try await connection.all(PeopleStore.staff, as: Employee.self) {
            let signs = employee.signs
            guard employee.isRecent, signs.count >= 2 else { continue }
            add(
                .staffAdded, .employeeAdded, RoleTable.employes.rawValue, String(employee.id), column: "login",
                found: employee.login, signs.count >= 3 ? .certain : .likely, at: employee.at,
                note: signs.joined(separator: ", "))
        }
    }

    mutating func checkLog() async throws {
        guard has(.logs, "horodatage") else { return }
        let gaps = try await gaps(.logs)
        guard !gaps.isEmpty else { return }
        let usual = try await connection.one(PeopleStore.usualSilence, as: Double.self)
        for gap in gaps {
            guard wholeTables.contains(.logs) else {
                add(.lostRow, nil, RoleTable.logs.rawValue, gap.key, at: gap.times)
                continue
            }
            add(
                .logGap, .logWiped, RoleTable.logs.rawValue, gap.key, .certain, at: gap.times,
                note: "\(gap.count) entries; a pause is rarely over \(Int(min(usual, 1e9))) s")
        }
    }

    /// Collects what a COPY gives; the thread that receives rows owns it until the call returns.
    private final class Numbers: @unchecked Sendable {
        // SAFETY: touched by the one thread that `copyOut` calls back on, and read after that call has returned.
        var wrong: [(key: String, value: String)] = []
    }

    mutating func checkNumbers() async throws {
        let checks: [(RoleTable, String, ReconciliationRule, @Sendable (String) -> Bool)] = [
            (.comptes, "iban", .ibanInvalid, { IBAN.isValid(IBAN.compact($0)) }),
            (.beneficiaires, "iban", .ibanInvalid, { IBAN.isValid(IBAN.compact($0)) }),
            (.comptes, "bic", .bicInvalid, Identifiers.isBIC), (.beneficiaires, "bic", .bicInvalid, Identifiers.isBIC),
            (.cartes, "pan", .panInvalid, { CardNumber.isValid(Array($0.utf8.filter { $0 != 32 })) }),
            (.clients, "nir", .nirInvalid, Identifiers.isNIR),
        ]
        for (role, column, rule, isValid) in checks where has(role, column) {
            let numbers = Numbers()
            try await connection.copyOut(CleanRoomStore.copyOut(PeopleStore.numbers(role, column))) { bytes in
                let line = CopyLine(bytes.bindMemory(to: UInt8.self))
                guard let key = line.string(0), let value = line.string(1), !isValid(value),
                    numbers.wrong.count < RuleLimits.rowsMax
                else { return }
                numbers.wrong.append((key, value))
            }
            for (key, value) in numbers.wrong {
                add(rule, nil, role.rawValue, key, column: column, found: value, .certain)
            }
        }
    }

    mutating func checkDates() async throws {
        for row in try await connection.run(PeopleStore.impossibleDates(end: dumpedAt)) {
            add(
                .dateImpossible, nil, RoleTable.transactions.rawValue, String(try row.decode(0, as: Int64.self)),
                .certain, at: try row.decodeIfPresent(1), note: try row.decode(2))
        }
        for row in try await connection.run(PeopleStore.impossibleCardDates) {
            add(
                .dateImpossible, nil, RoleTable.cartes.rawValue, String(try row.decode(0, as: Int64.self)), .certain,
                at: try row.decodeIfPresent(1), note: "expires before it was issued")
        }
    }

    mutating func findOutliers() async throws {
        guard !profile(.transactions).knowsDaysOnly else { return }
        for row in try await connection.run(PeopleStore.unusualHours) {
            add(
                .unusualHours, nil, RoleTable.transactions.rawValue, String(try row.decode(0, as: Int64.self)),
                at: try row.decodeIfPresent(2), note: try row.decodeIfPresent(1))
        }
        try await connection.run(ReconcileStore.withoutWorkers)
        for row in try await connection.run(PeopleStore.unusualAmounts) {
            add(
                .unusualAmount, nil, RoleTable.transactions.rawValue, String(try row.decode(0, as: Int64.self)),
                column: "montant", found: Hundredths.text(try row.decode(1)), at: try row.decodeIfPresent(2))
        }
    }
}

/// Numbers of banks and people that carry a form or a key.
enum Identifiers {
    /// ISO 9362: four letters, a country, two characters, and three more for a branch.
    static func isBIC(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        guard bytes.count == 8 || bytes.count == 11 else { return false }
        return bytes[..<4].allSatisfy(isLetterOrDigit) && bytes[4..<6].allSatisfy(isLetter)
            && bytes[6...].allSatisfy(isLetterOrDigit)
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (65...90).contains(byte) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { isLetter(byte) || (48...57).contains(byte) }

    /// The French social security number with its key, 97 − n mod 97; Corsica's departments are 2A and 2B. A number of
    /// another length is another country's and no business of this rule.
    static func isNIR(_ text: String) -> Bool {
        let compact = text.filter { $0 != " " }
        guard compact.count == 15 else { return true }
        let body = compact.prefix(13).replacing("2A", with: "19").replacing("2B", with: "18")
        guard let number = Int(body), let key = Int(compact.suffix(2)) else { return false }
        return key == 97 - number % 97
    }
}
