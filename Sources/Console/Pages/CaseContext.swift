internal import Charts
internal import Web

/// What an analyst sees around a case: the account's habits, whom it pays, cases that resemble it. Pseudonyms only.
enum CaseContext {
    static func view(_ json: JSON, _ call: PageCall) -> View {
        guard let account = json["account"], !account.isNull else { return [:] }
        let words = call.words
        let currency = account["currency"]?.string ?? "EUR"
        func money(_ json: JSON?) -> String {
            json.flatMap { $0.isNull ? nil : call.money(minor: FraudPages.number($0), currency) } ?? "–"
        }
        var view: View = [
            "holder": account["client"]?.string ?? "–", "account": account["pseudonym"]?.string ?? "–",
            "has_context": true,
            "about": [
                ("case.age", account["age"]?.string.map { words("case.years", ["n": $0]) }),
                ("case.department", account["department"]?.string),
                ("case.since", account["since"]?.string.map { call.dates.day($0) }),
                ("case.paid", call.numbers.integer(json["payments"]?.integer ?? 0)),
                ("case.median", money(json["median"])), ("case.high_amount", money(json["high"])),
            ].map { ["name": words($0.0), "value": $0.1 ?? "–"] as View },
        ]
        if let months = months(json, currency, call) { view["months"] = months }
        if let network = network(json, account, currency, call) { view["network"] = network }
        return view
    }

    private static func months(_ json: JSON, _ currency: String, _ call: PageCall) -> View? {
        let rows = (json["months"]?.array ?? []).compactMap(\.array).filter { $0.count == 3 }.suffix(12)
        guard rows.count > 1 else { return nil }
        let chart = BarChart(
            call.caption("habits", call.words("case.habits"), call.words("case.habits_summary")),
            labels: rows.map { call.dates.month($0[0].string ?? "") },
            series: [
                Series(
                    call.words("case.paid_out"), rows.map { Decimals.value($0[2], currency) },
                    ink: .series(2))
            ], unit: .money(currency), axis: call.words("home.month"))
        return call.picture(chart, ChartSize(480, 260), narrow: ChartSize(340, 220))
    }

    private static func network(_ json: JSON, _ account: JSON, _ currency: String, _ call: PageCall) -> View? {
        let payees = json["payees"]?.array ?? []
        guard !payees.isEmpty else { return nil }
        let links = payees.map { payee -> NetworkChart.Link in
            let isMeant = payee["is_meant"]?.bool ?? false
            let name =
                payee["is_ours"]?.bool == true ? call.words("case.ours") : short(payee["account"]?.string ?? "–")
            return NetworkChart.Link(
                name, Decimals.value(payee["minor"], currency), isMarked: isMeant,
                beyond: (payee["others"]?.array ?? []).compactMap(\.string).map(short))
        }
        let chart = NetworkChart(
            call.caption("network", call.words("case.network"), call.words("case.network_summary")),
            centre: short(account["pseudonym"]?.string ?? "–"), links: links, unit: .money(currency),
            heads: (call.words("case.payee"), call.words("case.paid_out")))
        return call.picture(chart, ChartSize(480, 340), narrow: ChartSize(340, 320))
    }

    /// Enough of a pseudonym to tell one from another on a page; the table beside has it whole.
    static func short(_ pseudonym: String) -> String { String(pseudonym.prefix(9)) }

    /// Cases that share something with this one, and what.
    static func similar(_ json: JSON, _ call: PageCall) -> [View] {
        (json["similar"]?.array ?? []).map { other in
            let isClosed = other["status"]?.string == "clos"
            let isFraud = other["fraud"]?.bool ?? false
            let (keys, rules) = (Int(other["keys"]?.integer ?? 0), Int(other["rules"]?.integer ?? 0))
            let shared = [
                keys > 0 ? call.words.count("case.shared_keys", keys) : nil,
                rules > 0 ? call.words.count("case.shared_rules", rules) : nil,
            ].compactMap(\.self)
            return [
                "id": String(other["id"]?.integer ?? 0), "shared": shared.joined(separator: ", "),
                "loss": Unit.money("EUR").full(
                    Double(FraudPages.number(other["expected_loss"])) ?? 0, call.numbers),
                "status": call.words(
                    isClosed ? (isFraud ? "case.is_fraud" : "case.is_genuine") : "case.still_open"),
                "tone": isClosed ? (isFraud ? "negative" : "positive") : "warning",
            ]
        }
    }
}
