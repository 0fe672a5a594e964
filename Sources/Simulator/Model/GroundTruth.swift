/// What really happened to a simulated bank: the answer sheet that recovery is marked against.
public struct GroundTruth: Codable, Sendable {
    /// One row that the attacker changed, added or removed.
    public struct Tampered: Codable, Sendable, Equatable {
        public enum Kind: String, Codable, Sendable, CaseIterable {
            case balanceAltered = "balance_altered"
            case beneficiaryAltered = "beneficiary_iban"
            case transactionAltered = "transaction_altered"
            case transactionForged = "transaction_forged"
            case transactionDuplicated = "transaction_duplicated"
            case transactionDeleted = "transaction_deleted"
            case cardDeleted = "card_deleted"
            case clientDeleted = "client_deleted"
            case employeeAdded = "employee_added"
            case logWiped = "log_wiped"
        }

        public let kind: Kind
        public let table: String
        /// The row's id; `first-last` for a range of wiped rows.
        public let key: String
        public let column: String?
        public let before: String?
        public let after: String?
    }

    /// An object that the attacker left in the database.
    public struct Trojan: Codable, Sendable, Equatable {
        /// A function, a trigger, a grant…, in words of the catalogue.
        public let kind: String
        /// As pg_dump tags it: `cartes trg_maj_carte`.
        public let object: String
        public let purpose: String
    }

    /// One act of the attack, as logs show it.
    public struct Incident: Codable, Sendable, Equatable {
        public let kind: String
        /// Wall-clock times of Paris.
        public let from: String
        public let to: String
        public let addresses: [String]
        public let note: String
    }

    public var form = "digitalbank.truth/1"
    public var seed: UInt64
    public var clients: Int
    public var days: Int
    /// Rows by table before the attack.
    public var cleanRows: [String: Int] = [:]
    /// Rows by table in the dump.
    public var rows: [String: Int] = [:]
    public var tampered: [Tampered] = []
    public var trojans: [Trojan] = []
    public var incidents: [Incident] = []
    public var dumpFormat = ""
    public var damage: DamageReport?
}
