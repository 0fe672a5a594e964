/// The `Prefer` header.
struct Preferences: Hashable, Sendable {
    enum Return: String { case minimal, representation, headersOnly = "headers-only" }
    enum Count: String { case exact, planned, estimated }
    enum Resolution: String {
        case mergeDuplicates = "merge-duplicates"
        case ignoreDuplicates = "ignore-duplicates"
    }

    var returning: Return?
    var count: Count?
    var resolution: Resolution?
    var missingDefault: Bool?
    var isStrict: Bool?
    var maxAffected: Int64?
    var rollsBack: Bool?
    var timeZone: String?
    /// Words that nobody knows.
    var unknown: [String] = []

    /// - Parameter lines: all `Prefer` headers, in order. Of two words on one thing the first counts.
    init(_ lines: [String], knowsTimeZone: (String) -> Bool) {
        for word in lines.flatMap({ $0.split(separator: ",") }).map({ String($0).trimmingSpaces() }) where !word.isEmpty
        {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            let value = parts.count == 2 ? parts[1].trimmingSpaces() : ""
            if !read(parts[0].trimmingSpaces(), value, knowsTimeZone) { unknown.append(word) }
        }
    }

    private mutating func read(_ name: String, _ value: String, _ knowsTimeZone: (String) -> Bool) -> Bool {
        switch name {
        case "return":
            guard let found = Return(rawValue: value) else { return false }
            returning = returning ?? found
        case "count":
            guard let found = Count(rawValue: value) else { return false }
            count = count ?? found
        case "resolution":
            guard let found = Resolution(rawValue: value) else { return false }
            resolution = resolution ?? found
        case "missing":
            guard value == "default" || value == "null" else { return false }
            missingDefault = missingDefault ?? (value == "default")
        case "handling":
            guard value == "strict" || value == "lenient" else { return false }
            isStrict = isStrict ?? (value == "strict")
        case "max-affected":
            guard let found = Int64(value), found >= 0 else { return false }
            maxAffected = maxAffected ?? found
        case "tx":
            guard value == "commit" || value == "rollback" else { return false }
            rollsBack = rollsBack ?? (value == "rollback")
        case "timezone":
            guard knowsTimeZone(value) else { return false }
            timeZone = timeZone ?? value
        default: return false
        }
        return true
    }
}

/// What an answer may be, from the `Accept` header.
struct AcceptedType: Hashable, Sendable {
    /// Lower case, without parameters: `application/json`, `*/*`.
    let name: String
    let parameters: [String: String]
    let quality: Double

    /// By falling quality, in the order given among equals; anything when there is no header.
    static func parse(_ header: String?) -> [AcceptedType] {
        guard let header, !header.trimmingSpaces().isEmpty else {
            return [AcceptedType(name: "*/*", parameters: [:], quality: 1)]
        }
        let all = split(header, at: ",").prefix(50).compactMap(one)
        return all.enumerated().sorted { ($0.element.quality, $1.offset) > ($1.element.quality, $0.offset) }
            .map(\.element)
    }

    private static func one(_ text: String) -> AcceptedType? {
        var parts = split(text, at: ";").map { $0.trimmingSpaces() }
        guard let name = parts.first?.lowercased(), name.contains("/") else { return nil }
        parts.removeFirst()
        var parameters: [String: String] = [:]
        for part in parts {
            let pair = part.split(separator: "=", maxSplits: 1).map(String.init)
            guard pair.count == 2 else { continue }
            var value = pair[1].trimmingSpaces()
            if value.hasPrefix("\""), value.hasSuffix("\""), value.count > 1 {
                value = String(value.dropFirst().dropLast())
            }
            parameters[pair[0].trimmingSpaces().lowercased()] = value
        }
        let quality = parameters["q"].flatMap(Double.init) ?? 1
        return AcceptedType(name: name, parameters: parameters, quality: min(max(quality, 0), 1))
    }

    /// Splits outside of quotes.
    private static func split(_ text: String, at separator: Character) -> [String] {
        var parts = [""]
        var isQuoted = false
        for character in text {
            if character == "\"" { isQuoted.toggle() }
            if character == separator, !isQuoted { parts.append("") } else { parts[parts.count - 1].append(character) }
        }
        return parts
    }
}
