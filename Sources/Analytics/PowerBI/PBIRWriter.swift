internal import Web

/// The report as PBIR: JSON files in the versions of the schemas that older programs open too.
struct PBIRWriter: Sendable {
    private static let schemas = "https://developer.microsoft.com/json-schemas/fabric/item/report/"

    let book: MeasureBook
    var isEnglish = false

    /// Text by its path below `DigitalBank.Report`.
    func files() throws -> [String: String] {
        var files = [
            "definition.pbir": Self.text([
                "$schema": .string(Self.schemas + "definitionProperties/1.0.0/schema.json"), "version": "4.0",
                "datasetReference": ["byPath": ["path": "../DigitalBank.SemanticModel"]],
            ]),
            "definition/version.json": Self.text([
                "$schema": .string(Self.schemas + "definition/versionMetadata/1.0.0/schema.json"), "version": "2.0.0",
            ]),
            "definition/report.json": Self.text([
                "$schema": .string(Self.schemas + "definition/report/2.0.0/schema.json"),
                "themeCollection": [
                    "baseTheme": [
                        "name": "CY24SU10", "reportVersionAtImport": "5.59", "type": "SharedResources",
                    ]
                ], "settings": ["exportDataMode": "AllowSummarized"],
            ]),
            "definition/pages/pages.json": Self.text([
                "$schema": .string(Self.schemas + "definition/pagesMetadata/1.0.0/schema.json"),
                "pageOrder": .array(ReportPage.all.map { .string($0.name) }),
                "activePageName": .string(ReportPage.all.first?.name ?? ""),
            ]),
        ]
        for page in ReportPage.all {
            let folder = "definition/pages/\(page.name)/"
            files[folder + "page.json"] = Self.text([
                "$schema": .string(Self.schemas + "definition/page/2.0.0/schema.json"), "name": .string(page.name),
                "displayName": .string(isEnglish ? page.english : page.title), "displayOption": "FitToPage",
                "height": 720, "width": 1280,
            ])
            for (index, visual) in page.visuals.enumerated() {
                let name = "\(page.name)_\(index + 1)"
                files[folder + "visuals/\(name)/visual.json"] = Self.text(try container(visual, name, index))
            }
        }
        return files
    }

    private func container(_ visual: ReportPage.Visual, _ name: String, _ index: Int) throws -> JSON {
        let columns = try visual.columns.map(column)
        let measures = try visual.measures.map(measure)
        var roles: [JSON.Member] = []
        switch visual.form {
        case .card, .slicer, .tableEx:
            roles = [.init("Values", ["projections": .array(columns + measures)])]
        case .lineChart, .columnChart, .barChart, .donutChart:
            roles = [
                .init("Category", ["projections": .array(columns)]), .init("Y", ["projections": .array(measures)]),
            ]
        }
        return [
            "$schema": .string(Self.schemas + "definition/visualContainer/2.0.0/schema.json"), "name": .string(name),
            "position": [
                "x": .integer(visual.place.0), "y": .integer(visual.place.1), "z": .integer(index * 1000),
                "height": .integer(visual.place.3), "width": .integer(visual.place.2),
                "tabOrder": .integer(index * 1000),
            ],
            "visual": [
                "visualType": .string(visual.form.rawValue), "query": ["queryState": .object(roles)],
                "drillFilterOtherVisuals": true,
            ],
        ]
    }

    private func column(_ path: String) throws -> JSON {
        let parts = path.split(separator: ".").map(String.init)
        guard parts.count == 2 else { throw AnalyticsError.measures("the report names the column \(path)") }
        return Self.projection("Column", parts[0], parts[1])
    }

    private func measure(_ name: String) throws -> JSON {
        guard let measure = book.measure(name) else {
            throw AnalyticsError.measures("the report names the measure \(name)")
        }
        // A visual's own name: the model's captions in English show only where the reader's program speaks English.
        return Self.projection("Measure", measure.table, measure.french, shown: isEnglish ? measure.english : nil)
    }

    private static func projection(
        _ kind: String, _ table: String, _ property: String, shown: String? = nil
    ) -> JSON {
        let field = JSON.object([
            .init(kind, ["Expression": ["SourceRef": ["Entity": .string(table)]], "Property": .string(property)])
        ])
        let members: [JSON.Member] = [
            .init("field", field), .init("queryRef", .string("\(table).\(property)")),
            .init("nativeQueryRef", .string(property)),
        ]
        return .object(members + (shown.map { [.init("displayName", .string($0))] } ?? []))
    }

    /// Indented, so that a version control system shows what changed.
    static func text(_ json: JSON) -> String { lines(json, "") + "\n" }

    private static func lines(_ json: JSON, _ indent: String) -> String {
        let inner = indent + "  "
        switch json {
        case .object(let members) where !members.isEmpty:
            let body = members.map { inner + JSON.string($0.name).text + ": " + lines($0.value, inner) }
            return "{\n" + body.joined(separator: ",\n") + "\n\(indent)}"
        case .array(let values) where !values.isEmpty:
            return "[\n" + values.map { inner + lines($0, inner) }.joined(separator: ",\n") + "\n\(indent)]"
        default: return json.text
        }
    }
}
