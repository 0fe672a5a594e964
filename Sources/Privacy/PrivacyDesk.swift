internal import Cryptography
public import Evidence
public import Foundation
public import Postgres
public import Vault

/// The keys that the desk works with. None of them is ever in the database in clear but the one of the erasure ledger's
/// hashes, which opens nothing.
public struct PrivacySecrets: Sendable {
    public let vault: Vault
    let emails: BlindIndex
    let telephones: BlindIndex
    /// Of the ledger's hashes: derived from the root that stays when the vault's key is rotated.
    let erasure: [UInt8]
    /// Of pseudonyms in logs.
    let logs: [UInt8]

    /// - Parameter indexing: the root of the blind indexes.
    public init(vault: Vault, indexing: KeyEncryptionKey) {
        self.vault = vault
        emails = BlindIndex(root: indexing, purpose: "clients.email")
        telephones = BlindIndex(root: indexing, purpose: "clients.telephone")
        erasure = BlindIndex(root: indexing, purpose: "privacy.erasure").code([])
        logs = Self.logKey(indexing)
    }

    static func logKey(_ indexing: KeyEncryptionKey) -> [UInt8] {
        BlindIndex(root: indexing, purpose: "privacy.logs").code([])
    }
}

/// Who asks for something, and through what.
public struct Requester: Sendable, Hashable {
    public enum Channel: String, Sendable { case client, admin, command }

    /// A user's id, or `operator`.
    public let name: String
    public let channel: Channel

    public init(name: String, channel: Channel) {
        self.name = name
        self.channel = channel
    }

    public static let command = Requester(name: "operator", channel: .command)
}

/// How somebody who is not signed in as the client proves to be them: compared with what is sealed.
public struct IdentityProof: Sendable, Hashable {
    public let lastName: String
    /// `1980-05-17`
    public let birthDate: String

    public init(lastName: String, birthDate: String) {
        self.lastName = lastName
        self.birthDate = birthDate
    }
}

/// Everything that the bank owes to persons about their data.
public struct PrivacyDesk: Sendable {
    let database: Database
    let secrets: PrivacySecrets
    let ledger: ErasureLedgerFile
    public let reads: ReadJournal
    /// Reads through the table API.
    public let tableReads: TableReads
    /// Signs what is handed out over HTTP.
    let signer: FileSigner?
    let typesetting = Typesetting()
    let clock: @Sendable () -> Date

    /// - Parameters:
    ///   - database: owns schema `privacy`.
    ///   - ledgerPath: where the erasure ledger stands outside the database.
    public init(
        database: Database, secrets: PrivacySecrets, ledgerPath: String, signer: FileSigner? = nil,
        clock: @escaping @Sendable () -> Date = { Date() }
    ) {
        self.database = database
        self.secrets = secrets
        self.signer = signer
        self.clock = clock
        ledger = ErasureLedgerFile(path: ledgerPath, key: secrets.erasure)
        reads = ReadJournal(database: database)
        tableReads = TableReads(database: database)
    }

    /// To be called before anybody is served: the keys of the ledger's hashes, and whoever was erased stays so.
    @discardableResult
    public func prepare() async throws -> [ReplayedErasure] { try await replayErasures() }

    /// The client by number or id.
    public func client(_ name: String) async throws -> UUID {
        let store = RightsStore(database: database)
        if let number = Int64(name), let id = try await store.client(number: number) { return id }
        if let id = UUID(uuidString: name), try await store.isKnown(id) { return id }
        throw PrivacyError.clientUnknown(name)
    }

    /// The client who signs in with this account.
    public func client(ofUser user: UUID) async throws -> UUID? {
        try await RightsStore(database: database).client(user: user)
    }

    var journal: EvidenceJournal { EvidenceJournal(database: database) }

    func event(_ kind: String, _ client: UUID, _ fields: [String: String], _ requester: Requester) throws
        -> EvidenceEvent
    {
        try EvidenceEvent(kind, client.uuidString, fields: fields, actor: requester.name)
    }

    /// Compares the proof with the sealed name and birth date, in constant shape: both are looked at, always.
    func check(_ proof: IdentityProof, of client: UUID, in executor: any SQLExecutor) async throws {
        let known = try await sealedIdentity(of: client, in: executor)
        let isNameRight = NameList.folded(known["nom"] ?? "") == NameList.folded(proof.lastName) && known["nom"] != nil
        let isDateRight = known["date_naissance"] == proof.birthDate
        guard isNameRight, isDateRight else { throw PrivacyError.identity(client.uuidString) }
    }

    /// The client's own data in clear, by field.
    func sealedIdentity(of client: UUID, in executor: (any SQLExecutor)? = nil) async throws -> [String: String] {
        guard let sealed = try await RightsStore(database: executor ?? database).identity(of: client) else {
            throw PrivacyError.clientUnknown(client.uuidString)
        }
        if sealed.status == "efface" { throw PrivacyError.keyDestroyed(client.uuidString) }
        var opened: [String: String] = [:]
        opened["civilite"] = sealed.title
        for (field, bytes) in sealed.fields {
            let place = SealedPlace(table: "clients", column: field, row: client.uuidString)
            opened[field] = String(decoding: try await secrets.vault.open(bytes, of: client, at: place), as: UTF8.self)
        }
        return opened
    }
}

extension PrivacyDesk {
    /// The register of processing activities as it stands now.
    public func register() async throws -> ProcessingRegister {
        _ = try await DataMapStore(database: database).applyLabels()
        return try await ProcessingRegister.read(database)
    }

    /// Fills in who answers for the bank; the names of the members are those of privacy.controller.
    public func setController(_ json: String) async throws {
        try await DataMapStore(database: database).setController(json)
    }
}
