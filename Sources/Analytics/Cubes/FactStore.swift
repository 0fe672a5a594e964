internal import Postgres

/// The operations behind a figure, under pseudonyms, as `bi_reader` may see them.
struct FactStore: Sendable {
    let database: Database

    private static let settings: Statement = """
        select set_config('role', 'bi_reader', true), set_config('transaction_read_only', 'on', true),
            set_config('TimeZone', 'UTC', true), set_config('statement_timeout', '20s', true)
        """

    /// The newest first, each as a JSON text; behind `after`.
    func rows(_ ask: FactAsk, limit: Int64) async throws -> [String] {
        var statement = Self.rows(ask, limit: limit)
        statement.planScope = ODataStore.role
        let results = try await database.pipeline([Self.settings, statement])
        return try results[1].map { try $0.decode(0, as: String.self) }
    }

    private static func rows(_ ask: FactAsk, limit: Int64) -> Statement {
        let filter = ask.filter
        return """
            select json_build_object('id', f.transaction_cle::text, 'at', f.horodatage, 'kind',
                    case when f.carte_cle <> -1 then 'carte' else t.type_operation end, 'account', d.compte,
                    'account_type', d.type, 'other', k.compte, 'other_type', k.type, 'client', cl.client,
                    'department', cl.departement, 'channel', n.canal, 'amount', f.montant::text, 'currency', f.devise,
                    'position', (extract(epoch from f.horodatage) * 1000000)::bigint || '.' || f.transaction_cle)::text
            from bi.fact_transaction f
            join bi.dim_type_operation t on t.type_operation_cle = f.type_operation_cle
            join bi.dim_compte d on d.compte_cle = f.compte_cle
            join bi.dim_compte k on k.compte_cle = f.compte_credit_cle
            join bi.dim_client cl on cl.client_cle = f.client_cle
            join bi.dim_canal n on n.canal_cle = f.canal_cle
            where f.devise = 'EUR'
                and f.horodatage >= \(filter.from.text)::text::date::timestamp at time zone 'Europe/Paris'
                and f.horodatage < (\(filter.to.text)::text::date + 1)::timestamp at time zone 'Europe/Paris'
                and (\(filter.kind)::text is null
                    or case when f.carte_cle <> -1 then 'carte' else t.type_operation end = \(filter.kind))
                and (\(ask.hour)::bigint is null or f.heure_cle = \(ask.hour))
                and (\(ask.weekday)::bigint is null
                    or extract(isodow from f.horodatage at time zone 'Europe/Paris') = \(ask.weekday))
                and (\(ask.size)::bigint is null
                    or width_bucket(f.montant, array[10, 50, 100, 500, 1000, 5000, 10000]::numeric[]) = \(ask.size))
                and (\(ask.department)::text is null or cl.departement = \(ask.department))
                and (\(ask.account)::text is null
                    or f.compte_cle = (select x.compte_cle from bi.dim_compte x where x.compte = \(ask.account)))
                and (\(ask.fromType)::text is null or d.type = \(ask.fromType))
                and (\(ask.toType)::text is null or k.type = \(ask.toType))
                and (\(ask.after?.microseconds)::bigint is null or (f.horodatage, f.transaction_cle)
                    < ('epoch'::timestamptz + \(ask.after?.microseconds)::bigint * interval '1 microsecond',
                        \(ask.after?.operation)::bigint))
            order by f.horodatage desc, f.transaction_cle desc limit \(limit)
            """
    }
}

/// Which operations are asked for: those of a figure of a dashboard.
public struct FactAsk: Sendable, Hashable {
    /// Behind which operation a page begins.
    public struct Position: Sendable, Hashable {
        public let microseconds: Int64
        public let operation: Int64

        public init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
            guard parts.count == 2, let time = parts[0], let operation = parts[1], abs(time) < 1 << 57 else {
                return nil
            }
            microseconds = time
            self.operation = operation
        }
    }

    public static let rowsMax: Int64 = 10_001

    public var filter: CubeFilter
    public var hour: Int64?
    /// 1 is Monday.
    public var weekday: Int64?
    /// 0 is below 10 euros, 7 above 10,000.
    public var size: Int64?
    public var department: String?
    public var account: String?
    public var fromType: String?
    public var toType: String?
    public var after: Position?

    public init(_ filter: CubeFilter) { self.filter = filter }
}
