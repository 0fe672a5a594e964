internal import Web

/// Text with holes: `Dossier {{ event.id }} : {{ event.montant_max_minor | money }}`. A hole that is the whole text
/// gives
/// the value itself, with its type.
struct Template: Sendable, Hashable {
    enum Part: Sendable, Hashable {
        case text(String)
        case hole(JSONPath, [Filter])
    }

    enum Filter: Sendable, Hashable {
        case money, date, day, upper, lower, json, count, mask
        case fallback(String)
        case round(Int)
    }

    static let lengthMax = 20_000

    let parts: [Part]

    init(_ text: String) throws(TextProblem) {
        guard text.utf8.count <= Self.lengthMax else {
            throw TextProblem(words: "a text of over \(Self.lengthMax) bytes")
        }
        var parts: [Part] = []
        var rest = Substring(text)
        while let open = rest.firstRange(of: "{{") {
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else {
                throw TextProblem(words: "a {{ without its }}")
            }
            if open.lowerBound > rest.startIndex { parts.append(.text(String(rest[..<open.lowerBound]))) }
            parts.append(try Self.hole(rest[open.upperBound..<close.lowerBound]))
            rest = rest[close.upperBound...]
        }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        self.parts = parts
    }

    private static func hole(_ text: Substring) throws(TextProblem) -> Part {
        let pieces = text.split(separator: "|", omittingEmptySubsequences: false).map(trimmed)
        guard let path = JSONPath(pieces[0]) else { throw TextProblem(words: "{{\(text)}} names no field") }
        var filters: [Filter] = []
        for piece in pieces.dropFirst() { filters.append(try filter(piece)) }
        return .hole(path, filters)
    }

    private static func filter(_ text: String) throws(TextProblem) -> Filter {
        switch text {
        case "money": return .money
        case "date": return .date
        case "day": return .day
        case "upper": return .upper
        case "lower": return .lower
        case "json": return .json
        case "count": return .count
        case "mask": return .mask
        default: break
        }
        let argument = text.split(separator: "(", maxSplits: 1).dropFirst().first.map { $0.dropLast() }
        if text.hasPrefix("default("), text.hasSuffix(")"), let argument {
            return .fallback(
                argument.trimmingPrefix("'").hasSuffix("'") ? String(argument.dropFirst().dropLast()) : String(argument)
            )
        }
        if text.hasPrefix("round("), text.hasSuffix(")"), let digits = argument.flatMap({ Int($0) }),
            (0...9).contains(digits)
        {
            return .round(digits)
        }
        throw TextProblem(words: "there is no filter \(text)")
    }

    private static func trimmed(_ text: Substring) -> String {
        var text = text.drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }

    var holes: [(path: JSONPath, filters: [Filter])] {
        parts.compactMap { part in if case .hole(let path, let filters) = part { (path, filters) } else { nil } }
    }

    /// The text with its holes filled; the value itself when it is one hole.
    func fill(from root: JSON) -> JSON {
        if parts.count == 1, case .hole(let path, let filters) = parts[0] {
            return Self.value(path, filters, root)
        }
        return .string(text(from: root))
    }

    func text(from root: JSON) -> String {
        parts.reduce(into: "") { out, part in
            switch part {
            case .text(let text): out += text
            case .hole(let path, let filters): out += Self.value(path, filters, root).plain
            }
        }
    }

    private static func value(_ path: JSONPath, _ filters: [Filter], _ root: JSON) -> JSON {
        filters.reduce(path.value(in: root) ?? .null) { value, filter in filter.apply(to: value) }
    }
}

extension Template.Filter {
    func apply(to value: JSON) -> JSON {
        switch self {
        case .money: value.integer.map { .string(Formats.money(minor: $0)) } ?? value
        case .date: value.string.flatMap { Instant(iso: $0) }.map { .string(Formats.dateTime($0)) } ?? value
        case .day: value.string.flatMap { Instant(iso: $0) }.map { .string(Formats.day($0)) } ?? value
        case .upper: .string(value.plain.uppercased())
        case .lower: .string(value.plain.lowercased())
        case .json: .string(value.text)
        case .count: .integer(value.array?.count ?? value.members?.count ?? value.plain.count)
        case .mask: Masking.mask(value)
        case .fallback(let text): value.isNull || value == "" ? .string(text) : value
        case .round(let digits): value.double.map { .string(Formats.decimal($0, digits: digits)) } ?? value
        }
    }
}
