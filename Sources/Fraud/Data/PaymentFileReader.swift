internal import Web

/// Reads payments from CSV with a header, or from JSON lines as `POST /fraud/v1/score` takes them; plain or compressed.
/// Clients and terminals are numbers or names.
public enum PaymentFileReader {
    static let lineMax = 64 << 10
    public static let rowsMax = 50_000_000

    /// Payments in the order of time, and for each line of the file the row that it became.
    public struct Payments: Sendable {
        public let table: TransactionTable
        public let rows: [Int]
    }

    public static func read(path: String) throws(FraudError) -> Payments {
        var table = TransactionTable()
        var header: Header?
        var isJSON = false
        try LineFile.read(path: path, lineMax: lineMax) { (line, number) throws(FraudError) in
            var line = line
            if line.last == UInt8(ascii: "\r") { line = line.dropLast() }
            if line.isEmpty { return }
            guard table.count < rowsMax else { throw FraudError.data(path, "it has over \(rowsMax) payments") }
            if number == 1 {
                isJSON = line.first == UInt8(ascii: "{")
                if !isJSON {
                    header = try Header(line, path)
                    return
                }
            }
            if isJSON {
                try appendJSON(line, number, path, to: &table)
            } else if let header {
                try header.append(line, number, path, to: &table)
            }
        }
        guard table.count > 0 else { throw FraudError.data(path, "it holds no payment") }
        let order = table.time.indices.sorted { (table.time[$0], $0) < (table.time[$1], $1) }
        var rows = [Int](repeating: 0, count: order.count)
        for (row, line) in order.enumerated() { rows[line] = row }
        return Payments(table: table.picking(order), rows: rows)
    }

    private static func appendJSON(
        _ line: ArraySlice<UInt8>, _ number: Int, _ path: String, to table: inout TransactionTable
    ) throws(FraudError) {
        guard let json = try? JSONReader.read(Array(line)), let payment = json["payment"]?.integer,
            let minor = json["amount_minor"]?.integer, minor >= 0, let time = json["time_us"]?.integer,
            let entities = json["entities"], let customer = key(entities["customer"])
        else {
            throw FraudError.data(
                path, "line \(number) is no payment: it needs payment, time_us, amount_minor and entities.customer")
        }
        table.append(
            id: payment, time: time, customer: customer, terminal: key(entities["terminal"]) ?? PaymentEvent.absent,
            minor: minor)
    }

    private static func key(_ json: JSON?) -> Int64? {
        guard let json else { return nil }
        return json.integer ?? json.string.map { PaymentRequest.number(of: $0) }
    }

    /// Which place of a line holds what.
    private struct Header {
        var places: [String: Int] = [:]
        let count: Int

        private static let names = [
            "payment": "payment", "transaction": "payment", "transaction_id": "payment", "id": "payment",
            "time": "time", "time_us": "time_us", "tx_datetime": "time", "date": "time",
            "customer": "customer", "customer_id": "customer", "client": "customer", "account": "customer",
            "terminal": "terminal", "terminal_id": "terminal", "payee": "terminal", "amount": "amount",
            "tx_amount": "amount", "amount_minor": "amount_minor",
        ]

        init(_ line: ArraySlice<UInt8>, _ path: String) throws(FraudError) {
            var text = String(decoding: line, as: UTF8.self)
            if text.hasPrefix("\u{FEFF}") { text.removeFirst() }
            let fields = text.split(separator: ",", omittingEmptySubsequences: false)
            for (place, field) in fields.enumerated() {
                let name = field.filter { $0 != "\"" && $0 != " " }.lowercased()
                if let known = Self.names[name], places[known] == nil { places[known] = place }
            }
            count = fields.count
            guard places["payment"] != nil, places["customer"] != nil,
                places["time"] ?? places["time_us"] != nil, places["amount"] ?? places["amount_minor"] != nil
            else {
                throw FraudError.data(
                    path, "its first line is no header: name payment, time, customer, amount and perhaps terminal")
            }
        }

        func append(
            _ line: ArraySlice<UInt8>, _ number: Int, _ path: String, to table: inout TransactionTable
        ) throws(FraudError) {
            let fields = line.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false)
            func cursor(_ name: String) -> FieldCursor? {
                places[name].flatMap { $0 < fields.count ? FieldCursor(fields[$0]) : nil }
            }
            func whole(_ name: String) -> Int64? {
                var field = cursor(name)
                return field?.integer()
            }
            func key(_ name: String) -> Int64? {
                guard var field = cursor(name), let text = field.field(), !text.isEmpty else { return nil }
                var number = FieldCursor(text)
                return number.integer() ?? PaymentRequest.number(of: String(decoding: text, as: UTF8.self))
            }
            var amount = cursor("amount")
            var moment = cursor("time")
            guard fields.count == count, let payment = whole("payment"), let customer = key("customer"),
                let minor = whole("amount_minor") ?? amount?.cents(), let time = whole("time_us") ?? moment?.moment()
            else {
                throw FraudError.data(
                    path, "line \(number) is no payment: times are 2026-11-29 09:30:00 in UTC, amounts 12.34")
            }
            table.append(
                id: payment, time: time, customer: customer, terminal: key("terminal") ?? PaymentEvent.absent,
                minor: minor)
        }
    }
}
