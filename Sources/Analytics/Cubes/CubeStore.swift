internal import Postgres

/// Reads sums that are kept ahead, and the facts behind them. Sums are read as whoever owns them, facts as `bi_reader`; neither
/// can change anything.
struct CubeStore: Sendable {
    let database: Database

    /// One question: measures of a cube, split by axes.
    struct Question: Sendable {
        var axes: [CubeAxis] = []
        var measures: [Measure] = []
        var filter: CubeFilter
        /// Months and quarters whose accounts are summed; what is not among them is read from the facts.
        var periods: Set<Int64>
        var currency: String?
    }

    /// Until when the sums hold all facts, as Unix seconds, and the newest operation: its day and its moment.
    struct State: Sendable {
        let readAt: Int64
        let lastDay: CivilDate
        let lastMoment: String
        /// Months and quarters whose accounts are summed.
        let periods: Set<Int64>
    }

    private static let readOnly: Statement = """
        select set_config('transaction_read_only', 'on', true), set_config('statement_timeout', '60s', true),
            set_config('work_mem', '32MB', true)
        """

    /// Nil when they were never complete, or there is no operation.
    func state() async throws -> State? {
        let rows = try await database.pipeline([
            Self.readOnly,
            """
            select extract(epoch from r.rafraichi_le)::bigint, c.date_cle, to_json(c.dernier)#>>'{}',
                (select coalesce(string_agg(periode_cle::text, ','), '') from bi.cube_periodes)
            from bi.reperes r cross join lateral (
                select h.date_cle, max(h.dernier) as dernier from bi.cube_heure h
                where h.date_cle = (select max(date_cle) from bi.cube_heure) group by h.date_cle) c
            where r.source = 'cubes' and r.rafraichi_le is not null
            """,
        ])
        guard let row = rows.last?.first, let day = CivilDate(key: try row.decode(1)) else { return nil }
        let periods = try row.decode(3, as: String.self).split(separator: ",").compactMap { Int64($0) }
        return State(
            readAt: try row.decode(0), lastDay: day, lastMoment: try row.decode(2), periods: Set(periods))
    }

    /// The answers in one flight: for each question rows of its axes' values and its measures'.
    func answers(_ questions: [Question]) async throws -> [[[String?]]] {
        let results = try await database.pipeline([Self.readOnly] + questions.map(Self.statement))
        return try results.dropFirst().map { result in
            try result.map { row in
                try (0..<row.columnCount).map { try row.decodeIfPresent($0, as: String.self) }
            }
        }
    }

    /// The accounts of clients with the most of the second measure: their pseudonyms, both measures, and in each row how many
    /// different clients were debited at all.
    func top(
        _ filter: CubeFilter, _ measures: (Measure, Measure), currency: String?, periods: Set<Int64>, most: Int64
    ) async throws -> [[String?]] {
        let values = Statement(
            unchecked: "(\(measures.0.cube ?? "null"))::numeric as v0, (\(measures.1.cube ?? "null"))::numeric as v1")
        let statement: Statement = """
            with s as materialized (
                select c.compte_cle, \(fragment: values) from \(fragment: Self.accounts(filter, periods))
                where \(fragment: Self.money(currency)) group by c.compte_cle
            ), h as (
                select s.* from s
                where s.compte_cle not in (select d.compte_cle from bi.dim_compte d where d.type = 'interne')
                order by s.v1 desc limit \(most)
            )
            select d.compte, trim_scale(round(h.v0, 6))::text, trim_scale(round(h.v1, 6))::text, (
                    -- Pseudonyms are letters and digits: bytes compare as well, and faster.
                    select count(*)::text from (
                        select distinct l.client collate "C" from s x join bi.lien_compte l on l.compte_cle = x.compte_cle
                        where l.client is not null) y)
            from h join bi.dim_compte d on d.compte_cle = h.compte_cle order by h.v1 desc, 1
            """
        let results = try await database.pipeline([Self.readOnly, statement])
        return try results[1].map { row in
            try (0..<row.columnCount).map { try row.decodeIfPresent($0, as: String.self) }
        }
    }

    // MARK: SQL

    static func cube(_ question: Question) -> Cube {
        if let axis = question.axes.first(where: { $0.cube != .hours }) { return axis.cube }
        let isOfAccounts = question.measures.contains { $0.cubeColumns.contains("compte_cle") }
        return isOfAccounts && question.axes.isEmpty ? .accounts : .hours
    }

    private static func statement(_ question: Question) -> Statement {
        let cube = cube(question)
        var list = Statement(unchecked: "")
        for (index, axis) in question.axes.enumerated() {
            let column = Statement(unchecked: "(\(column(axis)))::text")
            list = index == 0 ? column : "\(fragment: list), \(fragment: column)"
        }
        for (index, measure) in question.measures.enumerated() {
            // The measure's own words were checked when the book was read.
            let value = Statement(unchecked: "trim_scale(round((\(measure.cube ?? "null"))::numeric, 6))::text")
            list = question.axes.isEmpty && index == 0 ? value : "\(fragment: list), \(fragment: value)"
        }
        let numbers = question.axes.indices.map { String($0 + 1) }.joined(separator: ", ")
        let group = Statement(unchecked: numbers.isEmpty ? "" : " group by \(numbers)")
        let order = Statement(unchecked: numbers.isEmpty ? "" : " order by \(numbers)")
        return """
            select \(fragment: list) from \(fragment: source(cube, question))
            where \(fragment: place(cube, question.filter, question.currency))\(fragment: group)\(fragment: order)
            """
    }

    private static func source(_ cube: Cube, _ question: Question) -> Statement {
        if cube == .accounts {
            let table = accounts(question.filter, question.periods)
            guard !question.axes.isEmpty else { return table }
            return "\(fragment: table) join bi.dim_compte d on d.compte_cle = c.compte_cle"
        }
        let table = Statement(unchecked: "bi.\(cube.rawValue) c")
        guard question.axes.contains(.weekday) else { return table }
        return "\(fragment: table) join bi.dim_date j on j.date_cle = c.date_cle"
    }

    /// Sums of accounts over whole months and quarters, and the facts of the days around them.
    private static func accounts(_ filter: CubeFilter, _ periods: Set<Int64>) -> Statement {
        let keys = Periods.cover(filter.from, filter.to) { periods.contains($0) }
        let (days, long) = (keys.filter { $0 > 9_999_999 }, keys.filter { $0 <= 9_999_999 })
        return """
            (select s.compte_cle, s.nombre::bigint as nombre, s.montant, s.devise from bi.cube_compte s
                where s.periode_cle = any (\(list(long))::text::integer[]) and s.genre = \(filter.kind ?? "*")
            union all
            select o.compte_cle, 1, o.montant, o.devise from bi.operations_du_tableau o
                where o.date_cle = any (\(list(days))::text::bigint[])
                    and (\(filter.kind)::text is null or o.genre = \(filter.kind))) c
            """
    }

    private static func list(_ keys: [Int64]) -> String { "{" + keys.map(String.init).joined(separator: ",") + "}" }

    private static func money(_ currency: String?) -> Statement {
        "(\(currency)::text is null or c.devise = \(currency))"
    }

    private static func column(_ axis: CubeAxis) -> String {
        switch axis {
        case .day: "to_date(c.date_cle::text, 'YYYYMMDD')"
        case .kind: "c.genre"
        case .weekday: "j.jour_semaine"
        case .hour: "c.heure_cle"
        case .size: "c.rang"
        case .from: "c.de"
        case .to: "c.vers"
        case .department: "c.departement"
        case .account: "d.compte"
        }
    }

    private static func place(_ cube: Cube, _ filter: CubeFilter, _ currency: String?) -> Statement {
        switch cube {
        case .accounts: return money(currency)
        case .departments:
            let periods = list(Periods.cover(filter.from, filter.to) { _ in true })
            return """
                c.periode_cle = any (\(periods)::text::bigint[]) and c.genre = \(filter.kind ?? "*")
                    and \(fragment: money(currency))
                """
        default:
            return """
                c.date_cle between \(filter.from.key) and \(filter.to.key) and \(fragment: money(currency))
                    and (\(filter.kind)::text is null or c.genre = \(filter.kind))
                """
        }
    }
}
