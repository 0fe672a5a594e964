internal import Charts
internal import HTTPTypes
internal import Web

/// Answers with a table or a picture as a file.
enum Exporter {
    static let rowsMax = 10_000
    /// What a table is offered as.
    static let formats = ["csv", "xlsx", "pdf"]

    static func file(_ sheet: Sheet, as format: String, name: String, _ call: PageCall) async throws -> PageAnswer {
        switch format {
        case "csv": return answer(Array(SheetText.csv(sheet).utf8), "text/csv; charset=utf-8", name + ".csv")
        case "xlsx":
            let type = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            return answer(try Workbook.xlsx(sheet), type, name + ".xlsx")
        case "pdf":
            let html = SheetPaper.html(
                sheet, bank: call.console.settings.bankName, made: call.dates.moment(Moment(seconds: call.now)))
            guard let bytes = await call.console.backend.tools.typeset(html) else {
                throw Refused(503, "export_unavailable", "this server makes no PDF", hint: "Install weasyprint.")
            }
            return answer(bytes, "application/pdf", name + ".pdf")
        default: throw Refused(400, "parameter_invalid", "format is one of csv, xlsx, pdf")
        }
    }

    static func picture(_ chart: some Chart, _ size: ChartSize, as format: String, name: String, _ call: PageCall)
        async throws -> PageAnswer
    {
        let svg = chart.svg(size, theme: .light)
        if format == "svg" { return answer(Array(svg.utf8), "image/svg+xml", name + ".svg") }
        guard let bytes = await call.console.backend.tools.paint(svg) else {
            throw Refused(503, "export_unavailable", "this server paints no PNG", hint: "Install librsvg2-bin.")
        }
        return answer(bytes, "image/png", name + ".png")
    }

    private static func answer(_ bytes: [UInt8], _ type: String, _ name: String) -> PageAnswer {
        .file(
            ApiResponse(
                status: .ok,
                fields: [
                    .contentType: type, .contentDisposition: "attachment; filename=\"\(name)\"",
                    .cacheControl: "no-store",
                ], body: bytes))
    }
}

/// A table of a page that leaves as a file too.
struct TableExport: Sendable {
    struct Column: Sendable {
        /// The word above it.
        let head: String
        /// What the page's row calls it.
        let key: String
        var isText = false

        init(_ head: String, _ key: String, isText: Bool = false) {
            self.head = head
            self.key = key
            self.isText = isText
        }
    }

    let name: String
    let roles: Set<Person.Role>
    /// The word for its title.
    let title: String
    /// What its query may hold beside the format.
    var asks: Set<String> = []
    let columns: [Column]
    /// How many the bank's own list gives at once: a file that is as long may lack some, and says so.
    var most = Exporter.rowsMax + 1
    let rows: @Sendable (PageCall) async throws -> [View]

    func sheet(_ call: PageCall) async throws -> Sheet {
        let rows = try await rows(call)
        var filters = call.query.filter { $0.name != "format" && !$0.value.isEmpty }.map { "\($0.name)=\($0.value)" }
        if rows.count >= most {
            filters.append(call.words("app.cut", ["n": String(min(rows.count, Exporter.rowsMax))]))
        }
        return Sheet(
            title: call.words(title), filters: filters + [call.dates.moment(Moment(seconds: call.now))],
            head: columns.map { call.words($0.head) },
            rows: rows.prefix(Exporter.rowsMax).map { row in
                columns.map { column in
                    let text = row[column.key] as? String ?? ""
                    return column.isText ? .text(text) : CellText.cell(text, call.language)
                }
            }, language: call.language)
    }
}

/// Every table that can be taken along: `/exporter/{table}?format=xlsx`.
enum TablePages {
    static let all: [TableExport] = [
        FraudPages.export, IncidentPages.export, AdminPages.usersExport, AdminPages.journalExport,
        BackupPages.setsExport, BackupPages.drillsExport, AutomationPages.export, DataPages.export,
        ExpensePages.export, RowPages.export, AdminPages.revealsExport, DataPages.schedulesExport,
    ]

    static let routes: [PageRoute] = [
        PageRoute(
            .get, "/exporter/:table", [.client, .analyst, .admin],
            asks: all.reduce(into: ["format"]) { $0.formUnion($1.asks) }
        ) { call in
            guard let table = all.first(where: { $0.name == call.values["table"] }) else { throw Refused.notFound }
            guard let role = call.person?.role, table.roles.contains(role) else { throw Refused.notYours }
            if let odd = call.query.first(where: { $0.name != "format" && !table.asks.contains($0.name) }) {
                throw Refused(400, "parameter_unknown", "the table knows no parameter \(odd.name.prefix(40))")
            }
            let sheet = try await table.sheet(call)
            return try await Exporter.file(sheet, as: call.asked("format") ?? "csv", name: table.name, call)
        }
    ]
}

extension PageCall {
    /// Links to a table's files, with the page's own filters.
    func exports(_ table: TableExport, _ query: String = "") -> [View] {
        links("/exporter/\(table.name)", Exporter.formats, query, words(table.title))
    }

    func links(_ path: String, _ formats: [String], _ query: String, _ title: String) -> [View] {
        formats.map { format in
            [
                "href": "\(path)?" + (query.isEmpty ? "" : query + "&") + "format=\(format)",
                "format": format.uppercased(), "of": title,
            ]
        }
    }
}
