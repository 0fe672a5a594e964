internal import Web

/// What a JSON value may be. One value checks what comes in and describes itself in the OpenAPI document, so that the two
/// never part.
indirect enum Schema: Sendable {
    case text(TextRule)
    case integer(ClosedRange<Int64>)
    case boolean
    case anything
    case list(Schema, ClosedRange<Int>)
    case object([Property])
    /// Forms that exclude each other.
    case anyOf([Schema])
    case nullable(Schema)
    /// Stands once in the document, under this name.
    case named(String, Schema)

    struct Property: Sendable {
        let name: String
        let schema: Schema
        let isRequired: Bool
        let words: String?

        init(_ name: String, _ schema: Schema, isRequired: Bool = true, _ words: String? = nil) {
            self.name = name
            self.schema = schema
            self.isRequired = isRequired
            self.words = words
        }
    }
}

/// What a text may be: the check, and the same rule in the words of JSON Schema.
struct TextRule: Sendable {
    var lengths: ClosedRange<Int>?
    var pattern: String?
    var format: String?
    var values: [String]?
    var check: @Sendable (String) -> Bool = { _ in true }

    func takes(_ text: String) -> Bool {
        if let lengths, !lengths.contains(text.unicodeScalars.count) { return false }
        if let values, !values.contains(text) { return false }
        return check(text)
    }
}

/// Where a value breaks its schema, and how.
struct SchemaError: Error, Hashable {
    let place: String
    let reason: String
}

extension Schema {
    func check(_ value: JSON, at place: String = "") throws(SchemaError) {
        switch self {
        case .named(_, let schema): try schema.check(value, at: place)
        case .nullable(let schema): if !value.isNull { try schema.check(value, at: place) }
        case .anything: return
        case .boolean:
            guard value.bool != nil else { throw SchemaError(place: place, reason: "is no boolean") }
        case .integer(let range):
            guard let number = value.integer else { throw SchemaError(place: place, reason: "is no whole number") }
            guard range.contains(number) else {
                throw SchemaError(place: place, reason: "is not between \(range.lowerBound) and \(range.upperBound)")
            }
        case .text(let rule):
            guard let text = value.string else { throw SchemaError(place: place, reason: "is no text") }
            guard rule.takes(text) else { throw SchemaError(place: place, reason: "has another form") }
        case .list(let element, let counts):
            guard let values = value.array else { throw SchemaError(place: place, reason: "is no list") }
            guard counts.contains(values.count) else {
                throw SchemaError(
                    place: place,
                    reason: "has \(values.count) elements, not \(counts.lowerBound) to \(counts.upperBound)")
            }
            for (index, value) in values.enumerated() { try element.check(value, at: "\(place)/\(index)") }
        case .anyOf(let schemas): try Self.check(value, anyOf: schemas, at: place)
        case .object(let properties): try Self.check(value, properties, at: place)
        }
    }

    private static func check(_ value: JSON, anyOf schemas: [Schema], at place: String) throws(SchemaError) {
        for schema in schemas {
            do throws(SchemaError) {
                try schema.check(value, at: place)
                return
            } catch { continue }
        }
        throw SchemaError(place: place, reason: "has none of the forms it may have")
    }

    private static func check(_ value: JSON, _ properties: [Property], at place: String) throws(SchemaError) {
        guard let members = value.members else { throw SchemaError(place: place, reason: "is no object") }
        var seen: Set<String> = []
        for member in members {
            guard let property = properties.first(where: { $0.name == member.name }) else {
                throw SchemaError(place: place + "/" + member.name, reason: "is not known here")
            }
            guard seen.insert(member.name).inserted else {
                throw SchemaError(place: place + "/" + member.name, reason: "stands twice")
            }
            try property.schema.check(member.value, at: place + "/" + member.name)
        }
        for property in properties where property.isRequired && !seen.contains(property.name) {
            throw SchemaError(place: place + "/" + property.name, reason: "is missing")
        }
    }
}

/// As JSON Schema 2020-12, which is OpenAPI 3.1's.
extension Schema {
    /// The schema where it is used: a reference when it has a name.
    var json: JSON {
        switch self {
        case .named(let name, _): return ["$ref": .string("#/components/schemas/\(name)")]
        case .nullable(let schema):
            if case .object(var members) = schema.json, let place = members.firstIndex(where: { $0.name == "type" }) {
                members[place] = .init("type", [members[place].value, "null"])
                // An enumeration has to name null too.
                if let values = members.firstIndex(where: { $0.name == "enum" }) {
                    members[values] = .init("enum", .array((members[values].value.array ?? []) + [.null]))
                }
                return .object(members)
            }
            return ["anyOf": [schema.json, ["type": "null"]]]
        case .boolean: return ["type": "boolean"]
        case .anything: return .object([])
        case .integer(let range):
            return [
                "type": "integer", "format": "int64", "minimum": .integer(range.lowerBound),
                "maximum": .integer(range.upperBound),
            ]
        case .text(let rule): return Self.json(rule)
        case .list(let element, let counts):
            return [
                "type": "array", "items": element.json, "minItems": .integer(counts.lowerBound),
                "maxItems": .integer(counts.upperBound),
            ]
        case .anyOf(let schemas): return ["anyOf": .array(schemas.map(\.json))]
        case .object(let properties): return Self.json(properties)
        }
    }

    private static func json(_ rule: TextRule) -> JSON {
        var members: [JSON.Member] = [.init("type", "string")]
        if let format = rule.format { members.append(.init("format", .string(format))) }
        if let lengths = rule.lengths {
            members.append(.init("minLength", .integer(lengths.lowerBound)))
            members.append(.init("maxLength", .integer(lengths.upperBound)))
        }
        if let pattern = rule.pattern { members.append(.init("pattern", .string(pattern))) }
        if let values = rule.values { members.append(.init("enum", .array(values.map(JSON.string)))) }
        return .object(members)
    }

    private static func json(_ properties: [Property]) -> JSON {
        var members: [JSON.Member] = [.init("type", "object")]
        members.append(
            .init(
                "properties",
                .object(
                    properties.map { property in
                        guard let words = property.words else { return .init(property.name, property.schema.json) }
                        let described = (property.schema.json.members ?? []) + [.init("description", .string(words))]
                        return .init(property.name, .object(described))
                    })))
        let required = properties.filter(\.isRequired).map { JSON.string($0.name) }
        if !required.isEmpty { members.append(.init("required", .array(required))) }
        members.append(.init("additionalProperties", false))
        return .object(members)
    }

    /// Every schema with a name below this one, itself included.
    var named: [(name: String, json: JSON)] {
        switch self {
        case .named(let name, let schema): [(name, schema.json)] + schema.named
        case .nullable(let schema), .list(let schema, _): schema.named
        case .object(let properties): properties.flatMap(\.schema.named)
        case .anyOf(let schemas): schemas.flatMap(\.named)
        case .text, .integer, .boolean, .anything: []
        }
    }
}
