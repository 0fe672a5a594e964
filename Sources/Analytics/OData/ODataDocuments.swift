internal import Web

/// The service document and the CSDL of the star schema.
enum ODataDocuments {
    static let namespace = "Banque"

    static func service(_ model: Model, _ root: String, _ shape: ResponseShape) -> String {
        var members: [JSON.Member] = []
        if !shape.isBare { members.append(.init("@odata.context", .string(root + "/$metadata"))) }
        members.append(
            .init(
                "value",
                .array(
                    model.entities.map {
                        [
                            "name": .string($0.name), "kind": "EntitySet", "url": .string($0.name),
                            "title": .string($0.comment),
                        ]
                    })))
        return JSON.object(members).text
    }

    static func metadata(_ model: Model, _ book: MeasureBook) -> String {
        var out = """
            <?xml version="1.0" encoding="utf-8"?>
            <edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx">
            <edmx:Reference Uri="https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Core.V1.xml">\
            <edmx:Include Namespace="Org.OData.Core.V1" Alias="Core"/></edmx:Reference>
            <edmx:Reference Uri="https://oasis-tcs.github.io/odata-vocabularies/vocabularies/Org.OData.Aggregation.V1.xml">\
            <edmx:Include Namespace="Org.OData.Aggregation.V1" Alias="Aggregation"/></edmx:Reference>
            <edmx:DataServices>
            <Schema Namespace="\(namespace)" xmlns="http://docs.oasis-open.org/odata/ns/edm">

            """
        for entity in model.entities { write(entity, to: &out) }
        out += "<EntityContainer Name=\"Entrepot\">\n"
        for entity in model.entities {
            out += "<EntitySet Name=\"\(entity.name)\" EntityType=\"\(namespace).\(entity.name)\">\n"
            for link in entity.links {
                out += "<NavigationPropertyBinding Path=\"\(link.name)\" Target=\"\(link.target)\"/>\n"
            }
            for measure in book.measures(of: entity.name) {
                out +=
                    "<Annotation Term=\"Aggregation.CustomAggregate\" Qualifier=\"\(measure.name)\" "
                    + "String=\"Edm.Decimal\"/>\n"
            }
            out += "</EntitySet>\n"
        }
        return out + "</EntityContainer>\n</Schema>\n</edmx:DataServices>\n</edmx:Edmx>\n"
    }

    private static func write(_ entity: Entity, to out: inout String) {
        out += "<EntityType Name=\"\(entity.name)\">\n<Key>\n"
        for name in entity.key { out += "<PropertyRef Name=\"\(name)\"/>\n" }
        out += "</Key>\n"
        for column in entity.columns {
            out +=
                "<Property Name=\"\(column.name)\" \(type(column.type))\(column.isNullable ? "" : " Nullable=\"false\"")/>\n"
        }
        for link in entity.links {
            out += """
                <NavigationProperty Name="\(link.name)" Type="\(namespace).\(link.target)" Nullable="false">
                <ReferentialConstraint Property="\(link.column)" ReferencedProperty="\(link.targetColumn)"/>
                </NavigationProperty>

                """
        }
        if !entity.comment.isEmpty {
            out += "<Annotation Term=\"Core.Description\" String=\"\(escaped(entity.comment))\"/>\n"
        }
        out += "</EntityType>\n"
    }

    private static func type(_ type: ColumnType) -> String {
        switch type {
        case .bool: "Type=\"Edm.Boolean\""
        case .int32: "Type=\"Edm.Int32\""
        case .int64: "Type=\"Edm.Int64\""
        case .double: "Type=\"Edm.Double\""
        case .text: "Type=\"Edm.String\""
        case .date: "Type=\"Edm.Date\""
        case .timestamp: "Type=\"Edm.DateTimeOffset\" Precision=\"6\""
        case .decimal(let precision, let scale): "Type=\"Edm.Decimal\" Precision=\"\(precision)\" Scale=\"\(scale)\""
        }
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}
