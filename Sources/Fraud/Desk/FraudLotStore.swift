internal import Postgres

/// The SQL of many payments that are judged in one transaction: the same tables as one payment's, a statement for all.
struct FraudLotStore: Sendable {
    let database: any SQLExecutor

    /// What is to know of a lot before it is judged.
    struct Held {
        /// The statement time-out of before.
        var limit: String
        /// In the order that was asked for.
        var states: [[UInt8]]
        /// By the payment's place in the lot.
        var lists: [Int: [String]]
        /// Keys that stand for an answer already.
        var known: Set<String>
        /// The database's clock, in microseconds.
        var now: Int64
    }

    /// A decision on its way into the table.
    struct Kept {
        var request: PaymentRequest
        var event: PaymentEvent
        var decision: FraudDecision
        var trace: FraudStore.Trace
    }

    /// Takes the states, in the order of their names as single payments do, so that no two wait for each other.
    ///
    /// - Parameter listed: what each payment names itself, by its place in the lot.
    func hold(
        _ states: [(name: String, key: Int64)], listed: [(place: Int, name: String, key: Int64)], keys: [String],
        within time: Duration
    ) async throws -> Held {
        let answers = try await database.pipeline([
            FraudStore.limitNow, FraudStore.limit(time),
            """
            select place, etat
            from fraud.prendre(\(SQLArray(states.map(\.name)))::text[], \(SQLArray(states.map(\.key)))::bigint[])
            """,
            """
            select u.place, array_to_string(array_agg(distinct l.genre order by l.genre), ',')
            from unnest(\(SQLArray(listed.map { Int64($0.place) }))::bigint[],
                \(SQLArray(listed.map(\.name)))::text[], \(SQLArray(listed.map(\.key)))::bigint[]) u (place, entite, cle)
            join fraud.listes l on l.entite = u.entite and l.cle = u.cle
            where l.expire_le is null or l.expire_le > clock_timestamp()
            group by u.place
            """,
            """
            select d.cle, (extract(epoch from clock_timestamp()) * 1000000)::bigint
            from (select) here left join fraud.decisions d on d.cle = any (\(SQLArray(keys))::text[])
            """,
        ])
        guard answers.count == 5, let clock = answers[4].first else {
            throw PostgresError(kind: .decoding, message: "a flight of five came back with \(answers.count)")
        }
        var held = Held(
            limit: try answers[0].first?.decode(0) ?? "0", states: Array(repeating: [], count: states.count),
            lists: [:],
            known: [], now: try clock.decode(1))
        for row in answers[2] {
            let place = try row.decode(0, as: Int.self) - 1
            if held.states.indices.contains(place) { held.states[place] = try row.decode(1) }
        }
        for row in answers[3] {
            held.lists[Int(try row.decode(0, as: Int64.self))] =
                try row.decode(1, as: String.self).split(separator: ",").map(String.init)
        }
        for row in answers[4] {
            if let key = try row.decodeIfPresent(0, as: String.self) { held.known.insert(key) }
        }
        return held
    }

    /// Puts the states back, keeps the decisions in their order and raises the alerts, in one flight; the numbers of the
    /// alerts' cases.
    func keep(_ states: [StoredState], _ kept: [Kept], _ alerts: [FraudStore.Alert], limit: String) async throws
        -> [Int64]
    {
        var flight = [Self.update(states), Self.insertion(kept)]
        flight += alerts.map { alert -> Statement in
            """
            select fraud.alerter(\(alert.client), \(alert.payment), \(alert.loss / 100)::float8::numeric, \(alert.minor))
            """
        }
        flight.append(FraudStore.limit(limit))
        let answers = try await database.pipeline(flight)
        return try answers.dropFirst(2).prefix(alerts.count).map { answer in
            guard let row = answer.first else {
                throw PostgresError(kind: .decoding, message: "an alert came back without its case")
            }
            return try row.decode(0)
        }
    }

    private static func update(_ states: [StoredState]) -> Statement {
        """
        update fraud.etats e set etat = u.etat, vu_le = current_date
        from unnest(\(SQLArray(states.map(\.name)))::text[], \(SQLArray(states.map(\.key)))::bigint[],
            \(SQLByteArrays(states.map(\.bytes)))::bytea[]) u (entite, cle, etat)
        where e.entite = u.entite and e.cle = u.cle
        """
    }

    private static func insertion(_ kept: [Kept]) -> Statement {
        func numbers(_ value: (Kept) -> Int64) -> SQLArray { SQLArray(kept.map(value)) }
        func texts(_ value: (Kept) -> String?) -> SQLArray { SQLArray(kept.map(value)) }
        func key(_ slot: Int) -> SQLArray {
            texts { $0.event.keys[slot] == PaymentEvent.absent ? nil : String($0.event.keys[slot]) }
        }
        let ahead = (kept.first?.trace.aheadMax ?? .zero).components.seconds * Span.second
        let bytes = SQLByteArrays(kept.map(\.request.fingerprint))
        let columns = SQLByteArrays(kept.map(\.trace.columns))
        return """
            insert into fraud.decisions (paiement, cle, empreinte, horodatage, montant_minor, cles, modele_id,
                probabilite, rivale, verdict, verdict_rival, regles, fantomes, raisons, colonnes, secours, temoin,
                regles_version, colonnes_version, passe, ordre)
            select u.paiement, u.cle, u.empreinte,
                least(u.horodatage, (extract(epoch from clock_timestamp()) * 1000000)::bigint + \(ahead)), u.montant,
                array[u.k1, u.k2, u.k3, u.k4, u.k5, u.k6, u.k7, u.k8], \(kept.first?.decision.model),
                u.probabilite, u.rivale, u.verdict, u.verdict_rival, string_to_array(u.regles, ','),
                string_to_array(u.fantomes, ','), u.raisons, u.colonnes, u.secours, u.temoin,
                \(kept.first?.decision.rulesVersion), \(kept.first?.trace.version), u.passe, nextval('fraud.ordres')
            from (
                select * from unnest(\(numbers(\.request.payment))::bigint[], \(texts(\.request.key))::text[],
                    \(bytes)::bytea[], \(numbers(\.event.time))::bigint[], \(numbers(\.request.minor))::bigint[],
                    \(key(0))::bigint[], \(key(1))::bigint[], \(key(2))::bigint[], \(key(3))::bigint[],
                    \(key(4))::bigint[], \(key(5))::bigint[], \(key(6))::bigint[], \(key(7))::bigint[],
                    \(texts { $0.decision.probability.map { String(Double($0)) } })::real[],
                    \(texts { $0.trace.challenger.map { String(Double($0.probability)) } })::real[],
                    \(texts(\.decision.verdict.rawValue))::text[],
                    \(texts { $0.trace.challenger?.verdict.rawValue })::text[],
                    \(texts { $0.decision.rules.joined(separator: ",") })::text[],
                    \(texts { $0.decision.shadowRules.joined(separator: ",") })::text[],
                    \(texts(\.trace.reasons))::text[], \(columns)::bytea[],
                    \(texts { $0.decision.fallback?.rawValue })::text[],
                    \(texts { String($0.decision.isControl) })::boolean[],
                    \(texts { String($0.request.passes($0.decision.verdict)) })::boolean[])
                with ordinality u (paiement, cle, empreinte, horodatage, montant, k1, k2, k3, k4, k5, k6, k7, k8,
                    probabilite, rivale, verdict, verdict_rival, regles, fantomes, raisons, colonnes, secours, temoin,
                    passe, place)
                order by place
            ) u
            """
    }
}
