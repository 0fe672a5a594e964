public import Cryptography
internal import Evidence
public import Postgres
internal import Web

/// The models of the bank: added, tried in the shadow, promoted, taken back; each step an entry of the journal.
public struct ModelRegistry: Sendable {
    private let database: Database
    private let plan: FeaturePlan
    private let trusted: [Ed25519.PublicKey]

    public struct Entry: Sendable {
        public var id: Int64
        public var status: String
        public var fingerprint: String
        public var figures: String
        public var createdAt: String
        public var promotedAt: String?
    }

    public init(database: Database, plan: FeaturePlan, trusted: [Ed25519.PublicKey]) {
        self.database = database
        self.plan = plan
        self.trusted = trusted
    }

    /// Adds a model that can be served: signed, of this program's features, reproducing its reference rows.
    @discardableResult
    public func add(_ bytes: [UInt8], actor: String) async throws -> Int64 {
        let scorer = try ModelFile.open(bytes, trusted: trusted, plan: plan)
        let fingerprint = SHA256.hash(bytes).hex
        return try await database.transaction { tx in
            let id = try await ModelStore(database: tx).add(
                bytes, fingerprint: fingerprint, columns: scorer.model.featureVersion,
                figures: ModelJSON.figures(scorer.model.figures).text,
                kind: scorer.model.isUnsupervised ? "isolement" : "appris")
            try await EvidenceJournal.append(
                EvidenceEvent(
                    "fraude.modèle_ajouté", "modèle \(id)",
                    fields: ["empreinte": fingerprint, "données": scorer.model.origin.dataFingerprint], actor: actor),
                in: tx)
            return id
        }
    }

    public func list() async throws -> [Entry] {
        try await ModelStore(database: database).list().map {
            Entry(
                id: $0.id, status: $0.status, fingerprint: $0.fingerprint, figures: $0.figures,
                createdAt: $0.createdAt, promotedAt: $0.promotedAt)
        }
    }

    /// The model's file; an error when there is none of that number.
    public func open(_ id: Int64) async throws -> Scorer {
        guard let bytes = try await ModelStore(database: database).file(id) else { throw Self.unknown(id) }
        return try ModelFile.open(bytes, trusted: trusted, plan: plan)
    }

    /// Lets a model score beside the champion without deciding.
    public func challenge(_ id: Int64, actor: String) async throws {
        _ = try await open(id)
        try await database.transaction { tx in
            guard try await ModelStore(database: tx).challenge(id) else { throw Self.unknown(id) }
            try await EvidenceJournal.append(
                EvidenceEvent("fraude.modèle_à_l_essai", "modèle \(id)", fields: [:], actor: actor), in: tx)
        }
    }

    /// Makes a model the champion.
    public func promote(_ id: Int64, actor: String) async throws {
        _ = try await open(id)
        try await journaled("fraude.modèle_promu", id, actor)
    }

    /// Brings the champion before the present one back; says which it is.
    @discardableResult
    public func rollback(actor: String) async throws -> Int64 {
        guard let id = try await ModelStore(database: database).before() else {
            throw FraudError(
                code: "fraud_model_unknown", message: "no earlier champion is kept",
                hint: "See the models with: digitalbank fraud models")
        }
        try await journaled("fraude.modèle_rétabli", id, actor)
        return id
    }

    private func journaled(_ kind: String, _ id: Int64, _ actor: String) async throws {
        try await database.transaction { tx in
            guard try await ModelStore(database: tx).promote(id) else { return }
            try await EvidenceJournal.append(
                EvidenceEvent(kind, "modèle \(id)", fields: ["champion": "\(id)"], actor: actor), in: tx)
        }
    }

    private static func unknown(_ id: Int64) -> FraudError {
        FraudError(
            code: "fraud_model_unknown", message: "there is no model \(id) that could be served",
            hint: "See the models with: digitalbank fraud models")
    }
}

extension FraudDesk {
    public var registry: ModelRegistry { ModelRegistry(database: database, plan: plan, trusted: trusted) }

    /// Takes champion and challenger from the registry when they have changed. A model that is refused leaves the one
    /// before in service, keeps the other from nothing, and is the error thrown.
    public func reloadModels() async throws {
        let store = ModelStore(database: database)
        let bench = current
        if try await store.inServiceIDs() == [bench.champion?.id, bench.challenger?.id].compactMap(\.self) { return }
        var refusal: (any Error)?
        let found = (
            champion: try await store.inService("champion"), challenger: try await store.inService("challenger")
        )
        func opened(_ model: (id: Int64, file: [UInt8])?, _ before: (id: Int64, scorer: Scorer)?) -> (
            id: Int64, scorer: Scorer
        )? {
            guard let model else { return nil }
            if let before, before.id == model.id { return before }
            do {
                return (model.id, try ModelFile.open(model.file, trusted: trusted, plan: plan))
            } catch {
                refusal = refusal ?? error
                return before
            }
        }
        let champion = opened(found.champion, bench.champion)
        // A champion that was the challenger before stands in one place only.
        let challenger = opened(found.challenger, bench.challenger).flatMap { $0.id == champion?.id ? nil : $0 }
        replace {
            $0.champion = champion
            $0.challenger = challenger
        }
        if let refusal { throw refusal }
    }

    /// Reads the rules again when the file has changed; rules that are wrong or fail their tests leave the ones before in
    /// force, and are the error thrown.
    public func reloadRules(path: String, testsPath: String) throws {
        let book = try Rulebook.read(path: path, plan: plan)
        guard book.version != current.rules.version else { return }
        if let failure = try RuleTests.run(path: testsPath, book).first {
            throw FraudError.rule("\(failure.rule): \(failure.words)")
        }
        replace { $0.rules = book }
    }
}
