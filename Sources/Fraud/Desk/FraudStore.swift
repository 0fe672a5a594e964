internal import Postgres

/// One entity's state as it stands in the database.
struct StoredState: Sendable, Hashable {
    var name: String
    var key: Int64
    var bytes: [UInt8]

    var update: Statement {
        "update fraud.etats set etat = \(bytes), vu_le = current_date where entite = \(name) and cle = \(key)"
    }
}

/// The SQL of payments, states and labels in schema `fraud`. The caller owns the transaction.
struct FraudStore: Sendable {
    let database: any SQLExecutor

    static func limit(_ time: Duration) -> Statement {
        let milliseconds = max(time.components.seconds * 1_000 + time.components.attoseconds / 1_000_000_000_000_000, 1)
        return "select set_config('statement_timeout', \(String(milliseconds)), true)"
    }

    static let limitNow: Statement = "select current_setting('statement_timeout')"

    /// As it was before.
    static func limit(_ setting: String) -> Statement { "select set_config('statement_timeout', \(setting), true)" }

    /// Whether a failure is one that a payment must not die of: time, locks, the features' own tables.
    static func isOurs(_ error: PostgresError) -> Bool {
        error.kind == .server || error.kind == .statementTimeout
    }

    static func isLate(_ error: PostgresError) -> Bool {
        error.kind == .statementTimeout || ["57014", "55P03"].contains(error.sqlState)
    }

    struct Held {
        var states: [[UInt8]]
        var lists: [String]
        var earlier: Earlier?
        /// The database's clock, in microseconds.
        var now: Int64
    }

    /// The answer that an idempotency key already stands for.
    struct Earlier {
        var payment: Int64
        var fingerprint: [UInt8]
        var verdict: String
        var probability: Double?
        var model: Int64?
        var rules: String
        var fallback: String?
        var rulesVersion: String?
        /// Money may have moved on it.
        var passed: Bool
        var analystSaysFraud: Bool?
    }

    /// What is kept beside a decision, to learn from.
    struct Trace: Sendable {
        var challenger: (probability: Float, verdict: Verdict)?
        var columns: [UInt8] = []
        var version: String?
        var reasons = "[]"
        /// No time further ahead of the database's clock is kept.
        var aheadMax: Duration
    }

    /// What a case is told of a payment. The loss is in cents.
    struct Alert: Sendable {
        var client: Int64
        var payment: Int64
        var loss: Double
        var minor: Int64
    }

    /// Takes the states of a payment's entities, in one flight with what else is to know of it.
    ///
    /// - Parameter listed: what the payment names itself: lists speak of those.
    func hold(
        names: [String], keys: [Int64], listed: [(name: String, key: Int64)], idempotency key: String
    ) async throws -> Held {
        let entities = SQLArray(names)
        let numbers = SQLArray(keys)
        let answers = try await database.pipeline([
            "select place, etat from fraud.prendre(\(entities)::text[], \(numbers)::bigint[])",
            """
            select array_to_string(
                fraud.sur_listes(\(SQLArray(listed.map(\.name)))::text[], \(SQLArray(listed.map(\.key)))::bigint[]), ','),
                (extract(epoch from clock_timestamp()) * 1000000)::bigint
            """,
            """
            select d.paiement, d.empreinte, d.verdict, d.probabilite::float8, d.modele_id,
                array_to_string(d.regles, ','), d.secours, d.regles_version, coalesce(d.passe, d.verdict = 'allow'),
                (select e.fraude from fraud.etiquettes e where e.paiement = d.paiement and e.source = 'analyste')
            from fraud.decisions d where d.cle = \(key)
            """,
        ])
        guard answers.count == 3 else {
            throw PostgresError(kind: .decoding, message: "a flight of three came back with \(answers.count)")
        }
        var states = [[UInt8]](repeating: [], count: names.count)
        for row in answers[0] {
            let place = try row.decode(0, as: Int.self)
            guard states.indices.contains(place - 1) else { continue }
            states[place - 1] = try row.decode(1, as: [UInt8].self)
        }
        let lists = try answers[1].first?.decode(0, as: String.self) ?? ""
        let earlier = try answers[2].first.map { row in
            Earlier(
                payment: try row.decode(0), fingerprint: try row.decode(1), verdict: try row.decode(2),
                probability: try row.decodeIfPresent(3), model: try row.decodeIfPresent(4), rules: try row.decode(5),
                fallback: try row.decodeIfPresent(6), rulesVersion: try row.decodeIfPresent(7),
                passed: try row.decode(8), analystSaysFraud: try row.decodeIfPresent(9))
        }
        return Held(
            states: states, lists: lists.split(separator: ",").map(String.init), earlier: earlier,
            now: try answers[1].first?.decode(1) ?? 0)
    }

    /// Puts the states back and keeps the decision, in one flight.
    func keep(
        _ states: [StoredState], _ request: PaymentRequest, event: PaymentEvent, _ decision: FraudDecision,
        _ trace: Trace
    ) async throws {
        var statements = states.map(\.update)
        let keys = SQLArray((0..<8).map { event.keys[$0] == PaymentEvent.absent ? nil : String(event.keys[$0]) })
        statements.append(
            """
            insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, modele_id,
                probabilite, rivale, verdict, verdict_rival, regles, fantomes, raisons, colonnes, secours, temoin,
                regles_version, colonnes_version, passe, ordre)
            values (\(request.payment), \(request.key), \(request.fingerprint),
                least(\(event.time), (extract(epoch from clock_timestamp()) * 1000000)::bigint
                    + \(trace.aheadMax.components.seconds * Span.second)), \(request.minor),
                \(keys)::bigint[], \(decision.model), \(decision.probability.map(Double.init))::float8::real,
                \(trace.challenger.map { Double($0.probability) })::float8::real, \(decision.verdict.rawValue),
                \(trace.challenger?.verdict.rawValue), \(SQLArray(decision.rules))::text[],
                \(SQLArray(decision.shadowRules))::text[], \(trace.reasons), \(trace.columns),
                \(decision.fallback?.rawValue), \(decision.isControl), \(decision.rulesVersion), \(trace.version),
                \(request.passes(decision.verdict)), case when \(!states.isEmpty) then nextval('fraud.ordres') end)
            """)
        _ = try await database.pipeline(statements)
    }

    /// Money may move on a payment that was held up before.
    func pass(_ payment: Int64) async throws {
        try await database.run("update fraud.decisions set passe = true where paiement = \(payment)")
    }

    func alert(client: Int64, payment: Int64, loss: Double, minor: Int64) async throws -> Int64 {
        try await database.one(
            "select fraud.alerter(\(client), \(payment), \(loss / 100)::float8::numeric, \(minor))", as: Int64.self)
    }

    /// The alert of a payment that its client denies; one that stands in an open case already raises none.
    func deny(client: Int64, payment: Int64, minor: Int64) async throws {
        try await database.run(
            """
            select fraud.alerter(\(client), \(payment), \(Double(minor) / 100)::float8::numeric, \(minor))
            where not exists (
                select from fraud.dossiers_paiements p join fraud.dossiers d on d.id = p.dossier_id
                where p.paiement = \(payment) and d.statut <> 'clos')
            """)
    }

    /// The entities of a payment that was decided on; nil when it is not known.
    func keys(of payment: Int64) async throws -> [Int64?]? {
        let row = try await database.run(
            """
            select cles[1], cles[2], cles[3], cles[4], cles[5], cles[6], cles[7], cles[8]
            from fraud.decisions where paiement = \(payment)
            """
        ).first
        guard let row else { return nil }
        return try (0..<8).map { try row.decodeIfPresent($0, as: Int64.self) }
    }

    /// False when an analyst's earlier word stands above this one.
    func label(payment: Int64, isFraud: Bool, source: String, author: String) async throws -> Bool {
        try await database.one(
            "select fraud.etiqueter(\(payment), \(isFraud), \(source), \(author))", as: Bool.self)
    }

    func take(names: [String], keys: [Int64]) async throws -> [[UInt8]] {
        let rows = try await database.run(
            """
            select place, etat
            from fraud.prendre(\(SQLArray(names))::text[], \(SQLArray(keys))::bigint[])
            """)
        var states = [[UInt8]](repeating: [], count: names.count)
        for row in rows {
            let place = try row.decode(0, as: Int.self)
            if states.indices.contains(place - 1) { states[place - 1] = try row.decode(1, as: [UInt8].self) }
        }
        return states
    }

    func put(_ states: [StoredState]) async throws { _ = try await database.pipeline(states.map(\.update)) }

    /// Payments that were decided on without their features: they still have to enter the states.
    func unabsorbed(limit: Int) async throws -> [PaymentEvent] {
        try await database.run(
            """
            select paiement, horodatage, montant_minor, cles[1], cles[2], cles[3], cles[4], cles[5], cles[6], cles[7],
                cles[8]
            from fraud.decisions where ordre is null order by rang limit \(limit)
            """
        ).map(Self.event)
    }

    /// All decisions in the order in which they entered the states.
    func absorbed(after order: Int64, limit: Int) async throws -> [Absorbed] {
        try await database.run(
            """
            select paiement, horodatage, montant_minor, cles[1], cles[2], cles[3], cles[4], cles[5], cles[6], cles[7],
                cles[8], ordre, coalesce(passe, verdict = 'allow')
            from fraud.decisions where ordre > \(order) order by ordre limit \(limit)
            """
        ).map { Absorbed(order: try $0.decode(11), event: try Self.event($0), passed: try $0.decode(12)) }
    }

    struct Absorbed: Sendable {
        var order: Int64
        var event: PaymentEvent
        var passed: Bool
    }

    /// Gives a payment its place in the order; nil when another server was faster. Asked while its states are held.
    func absorb(_ payment: Int64) async throws -> (passed: Bool, isFraud: Bool?)? {
        try await database.run(
            """
            update fraud.decisions d set ordre = nextval('fraud.ordres')
            where d.paiement = \(payment) and d.ordre is null
            returning coalesce(d.passe, d.verdict = 'allow'),
                (select e.fraude from fraud.etiquettes e where e.paiement = d.paiement)
            """
        ).first.map { (try $0.decode(0), try $0.decodeIfPresent(1)) }
    }

    /// Removes states that nobody has touched for so many days; says how many.
    func forget(days: Int64, limit: Int) async throws -> Int64 {
        try await database.one(
            """
            with vieux as (
                select entite, cle from fraud.etats where vu_le < current_date - \(days)::integer
                order by vu_le limit \(limit) for update skip locked
            ), partis as (
                delete from fraud.etats e using vieux v where e.entite = v.entite and e.cle = v.cle
                returning e.entite, e.cle
            ), repris as (
                delete from fraud.etats_repris r using partis p where r.entite = p.entite and r.cle = p.cle
            )
            select count(*) from partis
            """, as: Int64.self)
    }

    /// A secret of the desk's, which all servers share: made once.
    func secret(_ name: String, proposed: [UInt8]) async throws -> [UInt8] {
        try await database.run(
            "insert into fraud.secrets (nom, valeur) values (\(name), \(proposed)) on conflict do nothing")
        return try await database.run("select valeur from fraud.secrets where nom = \(name)").first?.decode(0)
            ?? proposed
    }

    func states() async throws -> [StoredState] {
        try await database.run("select entite, cle, etat from fraud.etats where etat <> '' order by entite, cle").map {
            StoredState(name: try $0.decode(0), key: try $0.decode(1), bytes: try $0.decode(2))
        }
    }

    func labels() async throws -> [PaymentLabel] {
        try await database.run("select paiement, fraude from fraud.etiquettes order by paiement").map {
            PaymentLabel(payment: try $0.decode(0), isFraud: try $0.decode(1))
        }
    }

    private static func event(_ row: Row) throws -> PaymentEvent {
        var keys = SIMD8<Int64>(repeating: PaymentEvent.absent)
        for slot in 0..<8 {
            if let key = try row.decodeIfPresent(3 + slot, as: Int64.self) { keys[slot] = key }
        }
        return PaymentEvent(id: try row.decode(0), time: try row.decode(1), minor: try row.decode(2), keys: keys)
    }
}
