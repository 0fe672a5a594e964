/// An address that people may be sent to, taken apart. What is not plain and absolute is none.
struct RedirectURL: Sendable, Hashable {
    let scheme: String
    let host: String
    let port: String
    /// Without its leading slash, split at the slashes.
    let path: [String]
    let query: String?

    static let bytesMax = 2048
    private static let refused: Set<UInt8> = Set(#"\"<>^`{|}"#.utf8)

    init?(_ text: String, isPattern: Bool = false) {
        let bytes = Array(text.utf8)
        guard bytes.count <= Self.bytesMax,
            bytes.allSatisfy({ (0x21...0x7E).contains($0) && !Self.refused.contains($0) }),
            let colon = text.firstRange(of: "://")
        else { return nil }
        scheme = text[..<colon.lowerBound].lowercased()
        let withoutFragment = text[colon.upperBound...].prefix { $0 != "#" }
        let beforeQuery = withoutFragment.prefix { $0 != "?" }
        query =
            beforeQuery.endIndex < withoutFragment.endIndex
            ? String(withoutFragment[withoutFragment.index(after: beforeQuery.endIndex)...]) : nil
        let authority = beforeQuery.prefix { $0 != "/" }
        let pathText = beforeQuery[authority.endIndex...]
        path =
            pathText.isEmpty
            ? [] : pathText.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        // An address of IPv6 in brackets holds colons of its own.
        let hostEnd = authority.hasPrefix("[") ? authority.firstIndex(of: "]").map { authority.index(after: $0) } : nil
        let portMark = authority[(hostEnd ?? authority.startIndex)...].firstIndex(of: ":") ?? authority.endIndex
        host = authority[..<portMark].lowercased()
        port = String(authority[portMark...].dropFirst())
        guard Self.isScheme(scheme), Self.isHost(host, isPattern: isPattern), Self.isPort(port),
            portMark == authority.endIndex || !port.isEmpty, hostEnd == nil || hostEnd == portMark,
            isPattern || !path.contains(where: Self.climbs)
        else { return nil }
    }

    /// The text that is sent: put together from the parts that were compared, with `parameters` in the query.
    func text(adding parameters: String? = nil, fragment: String? = nil) -> String {
        var out = "\(scheme)://\(host)"
        if !port.isEmpty { out += ":\(port)" }
        if !path.isEmpty { out += "/" + path.joined(separator: "/") }
        let queries = [query, parameters].compactMap { $0 }.filter { !$0.isEmpty }
        if !queries.isEmpty { out += "?" + queries.joined(separator: "&") }
        if let fragment { out += "#" + fragment }
        return out
    }

    var origin: String { "\(scheme)://\(host)" + (port.isEmpty ? "" : ":\(port)") }

    private static func isScheme(_ text: String) -> Bool {
        guard let first = text.utf8.first, (97...122).contains(first) else { return false }
        let isPlain = text.utf8.allSatisfy {
            (97...122).contains($0) || (48...57).contains($0) || "+-.".utf8.contains($0)
        }
        return isPlain && !["javascript", "data", "vbscript", "file", "blob", "about"].contains(text)
    }

    private static func isHost(_ text: String, isPattern: Bool) -> Bool {
        if text.hasPrefix("[") {
            return text.hasSuffix("]")
                && text.utf8.dropFirst().dropLast().allSatisfy {
                    (48...57).contains($0) || (97...102).contains($0) || $0 == UInt8(ascii: ":")
                        || $0 == UInt8(ascii: ".")
                }
        }
        return !text.isEmpty
            && text.utf8.allSatisfy {
                (97...122).contains($0) || (48...57).contains($0) || "-._".utf8.contains($0)
                    || (isPattern && $0 == UInt8(ascii: "*"))
            }
    }

    private static func isPort(_ text: String) -> Bool {
        text.isEmpty || (text.utf8.allSatisfy { (48...57).contains($0) } && UInt16(text).map { $0 > 0 } == true)
    }

    private static func climbs(_ segment: String) -> Bool {
        let plain = segment.lowercased().replacing("%2e", with: ".")
        return plain == "." || plain == ".." || plain.contains("%2f") || plain.contains("%5c")
    }
}

/// Where people may be sent back to: the site itself, and places that the operator lists. Parts are compared, never text.
struct RedirectPolicy: Sendable {
    private let site: RedirectURL?
    private let siteText: String
    private let patterns: [RedirectURL]

    init(siteURL: String, allowList: [String]) {
        site = RedirectURL(siteURL)
        siteText = siteURL
        patterns = allowList.compactMap { RedirectURL($0, isPattern: true) }
    }

    /// Patterns of a list that can not be read; none may be passed over in silence.
    static func unreadable(in allowList: [String]) -> [String] {
        allowList.filter { RedirectURL($0, isPattern: true) == nil }
    }

    /// The place asked for when it is allowed, else the site.
    func place(for asked: String?) -> RedirectURL? {
        guard let asked, let url = RedirectURL(asked), isAllowed(url) else { return site }
        return url
    }

    func text(for asked: String?) -> String { place(for: asked)?.text() ?? siteText }

    func isAllowed(_ url: RedirectURL) -> Bool {
        if let site, url.scheme == site.scheme, url.host == site.host, url.port == site.port { return true }
        return patterns.contains { Self.matches(url, $0) }
    }

    private static func matches(_ url: RedirectURL, _ pattern: RedirectURL) -> Bool {
        url.scheme == pattern.scheme && url.port == pattern.port
            && matches(
                url.host.split(separator: ".", omittingEmptySubsequences: false)[...],
                pattern.host.split(separator: ".", omittingEmptySubsequences: false)[...])
            && matches(url.path.map { $0[...] }[...], pattern.path.map { $0[...] }[...])
    }

    /// `*` stands for any characters within one part, `**` for any number of parts.
    private static func matches(_ parts: ArraySlice<Substring>, _ pattern: ArraySlice<Substring>) -> Bool {
        guard let first = pattern.first else { return parts.isEmpty || parts == [""] }
        if first == "**" {
            return (parts.startIndex...parts.endIndex).contains { matches(parts[$0...], pattern.dropFirst()) }
        }
        guard let part = parts.first, fits(part, first) else { return false }
        return matches(parts.dropFirst(), pattern.dropFirst())
    }

    private static func fits(_ part: Substring, _ pattern: Substring) -> Bool {
        guard let star = pattern.firstIndex(of: "*") else { return part == pattern }
        let head = pattern[..<star]
        let tail = pattern[pattern.index(after: star)...]
        return !tail.contains("*") && part.count >= head.count + tail.count && part.hasPrefix(head)
            && part.hasSuffix(tail) && part.count > 0
    }
}
