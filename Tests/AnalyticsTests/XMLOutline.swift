import Foundation

/// Elements and their attributes, tags counted; the clients' suite reads the same text with lxml.
struct XMLOutline {
    struct Element {
        let name: String
        let attributes: [String: String]
    }
    struct Broken: Error {}
    private(set) var elements: [Element] = []

    init(_ text: String) throws {
        var open: [String] = []
        for part in text.split(separator: "<").dropFirst() {
            let tag = part.prefix { $0 != ">" }
            guard tag.count < part.count else { throw Broken() }
            if tag.hasPrefix("?") { continue }
            if tag.hasPrefix("/") {
                guard open.popLast() == String(tag.dropFirst()) else { throw Broken() }
                continue
            }
            let name = String(tag.prefix { $0 != " " && $0 != "/" })
            var attributes: [String: String] = [:]
            let pieces = tag.split(separator: "\"", omittingEmptySubsequences: false)
            for index in stride(from: 0, to: pieces.count - 1, by: 2) {
                let key = pieces[index].split(separator: " ").last?.dropLast() ?? ""
                attributes[String(key)] = String(pieces[index + 1])
            }
            elements.append(Element(name: name, attributes: attributes))
            if !tag.hasSuffix("/") { open.append(name) }
        }
        guard open.isEmpty else { throw Broken() }
    }
}
