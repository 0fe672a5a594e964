/// The bank before and after its attack, in memory: row for row what the legacy database holds.
struct LegacyBank: Sendable {
    var clients: [LegacyClient] = []
    var accounts: [LegacyAccount] = []
    var cards: [LegacyCard] = []
    var operations: [LegacyOperation] = []
    var beneficiaries: [LegacyBeneficiary] = []
    var orders: [LegacyOrder] = []
    var staff: [LegacyEmployee] = []
    var journal: [LegacyLogEntry] = []
    var statements: [LegacyStatement] = []
    /// Wall-clock seconds of Paris: the history covers `start..<end`.
    var start = 0
    var end = 0
}

struct LegacyClient: Sendable {
    var id: Int
    var isMale: Bool
    var firstName: String
    var lastName: String
    var email: String
    var phone: String
    var street: String
    var postcode: String
    var city: String
    var birthDay: Int
    var socialNumber: String
    var createdAt: Int
    /// The home address that the client's sessions come from.
    var ip: String
}

struct LegacyAccount: Sendable {
    enum Kind: String, Sendable { case courant, epargne, joint }
    var id: Int
    var client: Int
    var kind: Kind
    var iban: String
    var balance = 0
    var overdraft: Int
    var openedOn: Int
}

struct LegacyCard: Sendable {
    var id: Int
    var account: Int
    var pan: String
    var expiry: Int
    var cvv: Int
    var network: String
    var ceiling: Int
    var issuedOn: Int
}

struct LegacyOperation: Sendable {
    enum Kind: String, Sendable {
        case carte, virement_emis, virement_recu, salaire, prelevement, retrait, frais, loyer
    }
    var id = 0
    var account: Int
    var at: Int
    var kind: Kind
    /// Signed minor units.
    var amount: Int
    var label: String
    var counterpart: Counterpart?
    var card: Int?
    /// Nil when a forger did not care.
    var balanceAfter: Int?
    var reference: Int?
}

/// Who is on the other side of an operation; a class, because thousands of operations share one.
final class Counterpart: Sendable {
    let name: String
    let iban: String

    init(name: String, iban: String) {
        self.name = name
        self.iban = iban
    }
}

struct LegacyBeneficiary: Sendable {
    var id: Int
    var client: Int
    var name: String
    var iban: String
    var bic: String
    var addedAt: Int
}

struct LegacyOrder: Sendable {
    var id: Int
    var account: Int
    /// Nil between accounts of one client.
    var beneficiary: Int?
    var amount: Int
    var motive: String
    var isExecuted: Bool
    var at: Int
    var operation: Int?
}

struct LegacyEmployee: Sendable {
    var id: Int
    var login: String
    var name: String
    var role: String
    var createdAt: Int
}

struct LegacyLogEntry: Sendable {
    enum Action: String, Sendable {
        case connexion, deconnexion, consultation, virement, modification_profil, echec_connexion, export, controle
    }
    var id = 0
    var at: Int
    var ip: String
    /// The row of the client in `clients`, or nil for staff and strangers.
    var client: Int?
    var user: String
    var action: Action
    var object: String
}

struct LegacyStatement: Sendable {
    var id: Int
    var account: Int
    var month: Int
    var opening: Int
    var closing: Int
    var operations: Int
}
