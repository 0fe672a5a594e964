internal import Foundation

/// A change to the clean room's rows that would undo what was done to them.
struct Repair: Codable, Sendable, Equatable {
    enum Action: String, Codable, Sendable {
        /// Columns of a row get the values they had.
        case set
        /// A row leaves the bank for the quarantine.
        case exclude
        /// A row that was deleted comes back, as far as it is known.
        case insert
        /// A row stays as it is, for a person to look at before it is used.
        case mark
        /// Only a person can decide.
        case none
    }

    enum Certainty: String, Codable, Sendable {
        case certain, likely, needsPerson = "needs-person"

        init(_ confidence: RowFinding.Confidence) { self = confidence == .certain ? .certain : .likely }
    }

    /// One column, in canonical words. `before` is nil for a row that is not there.
    struct Change: Codable, Sendable, Equatable {
        let column: String
        let before: String?
        var after: String?
    }

    /// The same in every run over the same dump.
    var id: String
    let rule: String
    let table: String
    let key: String
    let action: Action
    var changes: [Change] = []
    /// For an insert: the row whose other columns it takes (dates of the neighbour in time).
    var like: String?
    /// For an insert: the whole row is that of the older dump.
    var fromOlder: Bool?
    let reason: BilingualText
    let certainty: Certainty
    /// Set by the person who goes through the plan.
    var approved = false

    init(
        _ rule: ReconciliationRule, _ table: RoleTable, _ key: String, _ action: Action, _ changes: [Change] = [],
        like: String? = nil, certainty: Certainty, fr: String, en: String
    ) {
        id = "\(action.rawValue)/\(table.rawValue)/\(key)"
        self.rule = rule.id
        self.table = table.rawValue
        self.key = key
        self.action = action
        self.changes = changes
        self.like = like
        reason = BilingualText(fr: fr, en: en)
        self.certainty = certainty
    }
}

/// The file of proposed repairs: written by each run, read back with `--plan` once a person has approved entries.
struct RepairPlan: Codable, Sendable {
    static let formName = "digitalbank.repair-plan/1"

    var form = Self.formName
    /// SHA-256 of the dump that the plan is for.
    let dump: String
    var repairs: [Repair]

    static func read(_ path: String) throws -> RepairPlan {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RecoveryError(
                code: "repair_plan_not_found", message: "no repair plan can be read at \(path)",
                hint: "Give the repair-plan.json that an earlier run wrote, with \"approved\": true where you agree.",
                exitStatus: .badInput)
        }
        do {
            let plan = try RunDirectory.decoder.decode(RepairPlan.self, from: data)
            guard plan.form == formName else { throw unreadable(path, "its form is \(plan.form)") }
            return plan
        } catch let error as DecodingError {
            throw unreadable(path, "\(error)")
        }
    }

    private static func unreadable(_ path: String, _ reason: String) -> RecoveryError {
        RecoveryError(
            code: "repair_plan_unreadable", message: "\(path) is not a repair plan: \(reason)",
            hint: "Change nothing in it but \"approved\" and the values \"after\".", exitStatus: .badInput)
    }

    /// The computed repairs that may be applied: those a person approved in `approvedPlan`, with the values they gave;
    /// without a plan, the certain ones when `appliesCertain`.
    func applicable(approvedPlan: RepairPlan?, appliesCertain: Bool) throws(RecoveryError) -> [Repair] {
        guard let approvedPlan else {
            return appliesCertain ? repairs.filter { $0.certainty == .certain && $0.action != .none } : []
        }
        guard approvedPlan.dump == dump else {
            throw RecoveryError(
                code: "repair_plan_of_another_dump", message: "the repair plan was made for another dump",
                hint: "Recover this dump without a plan first: it writes one.", exitStatus: .badInput)
        }
        let known = Dictionary(repairs.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var chosen: [Repair] = []
        for entry in approvedPlan.repairs where entry.approved {
            guard var repair = known[entry.id], repair.action == entry.action,
                repair.changes.map(\.column) == entry.changes.map(\.column)
            else {
                throw RecoveryError(
                    code: "repair_unknown", message: "the plan approves \(entry.id), which these data do not call for",
                    hint: "Approve entries of the plan written for this dump; add none.", exitStatus: .badInput)
            }
            for index in repair.changes.indices { repair.changes[index].after = entry.changes[index].after }
            repair.approved = true
            chosen.append(repair)
        }
        return chosen
    }
}
