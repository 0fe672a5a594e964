/// What a line says was read or changed: objects in addresses of requests, in events of applications, in statements.
enum TouchReader {
    typealias Take = (TouchedObject, _ isChange: Bool) -> Void

    static func read(_ event: LogEvent, _ take: Take) {
        switch event.source {
        case .web: request(event, take)
        case .application: act(event, take)
        case .postgres: if event.kind == .statement { StatementReader.read(event, take) }
        case .secureShell, .system, .audit, .unknown: break
        }
    }

    /// Names that tables, collections and events have for things of persons, in French and English.
    private static let names: [(StaticString, TouchedObject.Kind)] = [
        ("comptes", .account), ("compte", .account), ("accounts", .account), ("account", .account),
        ("cartes", .card), ("carte", .card), ("cards", .card), ("card", .card),
        ("clients", .client), ("client", .client), ("customers", .client), ("customer", .client),
        ("transactions", .operation), ("transaction", .operation), ("operations", .operation),
        ("operation", .operation), ("beneficiaires", .payee), ("beneficiaire", .payee), ("payees", .payee),
        ("payee", .payee),
    ]

    static func kind(_ name: Bytes) -> TouchedObject.Kind? {
        names.first { name.equalsIgnoringCase($0.0) }?.1
    }

    /// Tables that hold persons without being theirs by a number.
    private static let tables: [StaticString] = ["ecritures", "virements", "releves", "users", "utilisateurs", "logs"]

    static func isTable(_ name: Bytes) -> Bool {
        kind(name) != nil || tables.contains { name.equalsIgnoringCase($0) }
    }

    /// What a column names: `id` what its table holds, `compte_debit_id` an account.
    static func kind(column: Bytes, of table: TouchedObject.Kind?) -> TouchedObject.Kind? {
        if column.equalsIgnoringCase("id") { return table }
        if column.equalsIgnoringCase("numero") { return table == .client ? .client : nil }
        for (name, kind) in names where column.hasIgnoringCase(name) {
            let rest = column.from(name.utf8CodeUnitCount)
            if rest.isEmpty || rest[0] == 95 && rest.hasSuffix("id") { return kind }
        }
        return nil
    }

    /// A number or an UUID: what keys of rows look like.
    static func key(_ text: Bytes) -> String? {
        if (1...18).contains(text.count) {
            for index in 0..<text.count where !Bytes.isDigit(text[index]) { return nil }
            return text.text
        }
        guard text.count == 36 else { return nil }
        for index in 0..<36 {
            let isDash = index == 8 || index == 13 || index == 18 || index == 23
            guard isDash ? text[index] == 45 : Bytes.hex(text[index]) != nil else { return nil }
        }
        return text.text.lowercased()
    }

    // MARK: Requests

    private static func request(_ event: LogEvent, _ take: Take) {
        guard event.status == 0 || (200..<400).contains(event.status) else { return }
        if event.kind == .login, !event.user.isEmpty { user(event, isChange: false, take) }
        let isChange =
            !(event.method.equals("GET") || event.method.equals("HEAD") || event.method.equals("OPTIONS")
            || event.method.isEmpty)
        var holder: TouchedObject.Kind?
        var last = Bytes.empty
        var start = 0
        var parts = 0
        while start < event.path.count, parts < 16 {
            let end = event.path.first(47, from: start) ?? event.path.count
            let part = event.path[start, end]
            start = end + 1
            parts += 1
            if part.isEmpty { continue }
            if let kind = holder, let key = key(part) {
                take(TouchedObject(kind: kind, key: key), isChange)
                holder = nil
            } else {
                holder = kind(part)
            }
            last = part
        }
        arguments(event.query, of: kind(last), isExport: event.path.contains("export"), isChange, take)
    }

    /// `id=eq.5`, `compte_id=in.(5,6)`, `id=5`; `table=clients` of an export.
    private static func arguments(
        _ query: Bytes, of holder: TouchedObject.Kind?, isExport: Bool, _ isChange: Bool, _ take: Take
    ) {
        var start = 0
        var parts = 0
        while start < query.count, parts < 32 {
            let end = query.first(38, from: start) ?? query.count
            let part = query[start, end]
            start = end + 1
            parts += 1
            guard let equals = part.first(61) else { continue }
            let name = part.prefix(equals)
            var value = part.from(equals + 1)
            if isExport, name.equalsIgnoringCase("table"), isTable(value) {
                take(TouchedObject(kind: .table, key: value.text.lowercased()), isChange)
                continue
            }
            guard let kind = kind(column: name, of: holder) else { continue }
            if value.has("eq.") { value = value.from(3) }
            if value.has("in.(") {
                keys(in: value[4, value.last(41) ?? value.count]) { take(TouchedObject(kind: kind, key: $0), isChange) }
            } else if let key = key(value) {
                take(TouchedObject(kind: kind, key: key), isChange)
            }
        }
    }

    private static func keys(in list: Bytes, _ body: (String) -> Void) {
        var start = 0
        var parts = 0
        while start < list.count, parts < 1_000 {
            let end = list.first(44, from: start) ?? list.count
            if let key = key(list[start, end].trimmed) { body(key) }
            start = end + 1
            parts += 1
        }
    }

    // MARK: Events of applications

    /// `{"evenement":"consultation","utilisateur":"x@y.fr","objet":"compte 12"}`
    private static func act(_ event: LogEvent, _ take: Take) {
        guard event.kind != .loginFailure, !event.action.isEmpty, event.status < 400 else { return }
        let isChange = event.kind == .transfer || changes.contains { event.action.contains($0) }
        if !event.user.isEmpty { user(event, isChange: isChange, take) }
        if event.kind == .export, isTable(event.object) {
            take(TouchedObject(kind: .table, key: event.object.text.lowercased()), false)
        }
        guard let space = event.object.first(32), let kind = kind(event.object.prefix(space)),
            let key = key(event.object.from(space + 1).trimmed)
        else { return }
        take(TouchedObject(kind: kind, key: key), isChange)
    }

    private static let changes: [StaticString] = [
        "modif", "update", "suppr", "delete", "virement", "transfer", "creat", "ajout", "change",
    ]

    private static func user(_ event: LogEvent, isChange: Bool, _ take: Take) {
        guard event.user.count <= 200 else { return }
        take(TouchedObject(kind: .user, key: event.user.text.lowercased()), isChange)
    }
}
