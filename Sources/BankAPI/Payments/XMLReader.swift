/// An element of a document that was read whole.
struct XMLNode: Sendable {
    /// Without its prefix.
    let name: String
    let namespace: String
    let attributes: [(name: String, value: String)]
    var children: [XMLNode] = []
    var text = ""

    /// The first child of this name in this element's namespace.
    func child(_ name: String) -> XMLNode? { children.first { $0.name == name && $0.namespace == namespace } }

    func all(_ name: String) -> [XMLNode] { children.filter { $0.name == name && $0.namespace == namespace } }

    /// The text at the end of a path of first children.
    func text(_ path: String...) -> String? {
        var node = self
        for name in path {
            guard let next = node.child(name) else { return nil }
            node = next
        }
        return node.text
    }
}

/// Why a text is not taken as XML, and where.
struct XMLError: Error, Hashable {
    let code: String
    let reason: String
    /// Byte offset from zero.
    let offset: Int
}

/// Reads XML 1.0 in UTF-8, for files that strangers send: no document type, so that no entity is ever expanded and
/// nothing is ever fetched; depth, elements, attributes and texts are bounded.
struct XMLReader {
    struct Limits: Sendable {
        var bytesMax = 2 << 20
        var depthMax = 24
        var elementsMax = 60_000
        var attributesMax = 16
        var textBytesMax = 4096
    }

    private let bytes: [UInt8]
    private let limits: Limits
    private var position = 0
    private var elementCount = 0

    static func read(_ bytes: [UInt8], limits: Limits = Limits()) throws(XMLError) -> XMLNode {
        guard bytes.count <= limits.bytesMax else {
            throw XMLError(
                code: "body_too_large", reason: "more than \(limits.bytesMax) bytes", offset: limits.bytesMax)
        }
        guard String(validating: bytes, as: UTF8.self) != nil, !bytes.contains(0) else {
            throw XMLError(code: "xml_unreadable", reason: "text that is no UTF-8", offset: 0)
        }
        var reader = XMLReader(bytes: bytes, limits: limits)
        return try reader.document()
    }

    private init(bytes: [UInt8], limits: Limits) {
        self.bytes = bytes
        self.limits = limits
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    private func error(_ reason: String, code: String = "xml_unreadable") -> XMLError {
        XMLError(code: code, reason: reason, offset: position)
    }

    private func sees(_ text: StaticString) -> Bool {
        let end = position + text.utf8CodeUnitCount
        return end <= bytes.count && text.withUTF8Buffer { bytes[position..<end].elementsEqual($0) }
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

    // MARK: The document

    private mutating func document() throws(XMLError) -> XMLNode {
        try declaration()
        try between()
        guard position < bytes.count, bytes[position] == 60 else { throw error("an element is missing") }
        let root = try element(depth: 1, scope: ["": "", "xml": "http://www.w3.org/XML/1998/namespace"])
        try between()
        guard position == bytes.count else { throw error("something behind the last element") }
        return root
    }

    private mutating func declaration() throws(XMLError) {
        guard sees("<?xml"), position + 5 < bytes.count, Self.isSpace(bytes[position + 5]) else { return }
        let start = position
        try skip(to: "?>")
        let text = String(decoding: bytes[start..<position], as: UTF8.self).lowercased()
        guard let place = text.firstRange(of: "encoding") else { return }
        let rest = text[place.upperBound...]
        guard rest.contains("utf-8") || rest.contains("us-ascii") else { throw error("another encoding than UTF-8") }
    }

    /// Space, comments and processing instructions around the root.
    private mutating func between() throws(XMLError) {
        while true {
            skipSpace()
            if sees("<!DOCTYPE") || sees("<!doctype") {
                throw error("a document type, which is not taken", code: "xml_doctype_refused")
            }
            if sees("<!--") {
                try skip(to: "-->")
            } else if sees("<?") {
                try skip(to: "?>")
            } else {
                return
            }
        }
    }

    private mutating func skip(to end: StaticString) throws(XMLError) {
        while position < bytes.count {
            if sees(end) {
                position += end.utf8CodeUnitCount
                return
            }
            position += 1
        }
        throw error("something that does not end")
    }

    // MARK: Elements

    private mutating func element(depth: Int, scope: [String: String]) throws(XMLError) -> XMLNode {
        guard depth <= limits.depthMax else { throw error("nesting deeper than \(limits.depthMax)") }
        elementCount += 1
        guard elementCount <= limits.elementsMax else { throw error("more than \(limits.elementsMax) elements") }
        position += 1
        let written = try name()
        var scope = scope
        var attributes: [(name: String, value: String)] = []
        var isEmpty = false
        while true {
            let before = position
            skipSpace()
            if sees("/>") {
                position += 2
                isEmpty = true
                break
            }
            if sees(">") {
                position += 1
                break
            }
            guard position > before else { throw error("a space or the tag's end is missing") }
            let attribute = try self.attribute()
            guard !attributes.contains(where: { $0.name == attribute.name }), attributes.count < limits.attributesMax
            else { throw error("an attribute twice, or too many") }
            attributes.append(attribute)
            if attribute.name == "xmlns" {
                scope[""] = attribute.value
            } else if attribute.name.hasPrefix("xmlns:") {
                scope[String(attribute.name.dropFirst(6))] = attribute.value
            }
        }
        let parts = written.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let namespace = scope[parts.count > 1 ? parts[0] : ""] else {
            throw error("a prefix without a namespace")
        }
        var node = XMLNode(name: parts.last ?? "", namespace: namespace, attributes: attributes)
        if !isEmpty { try content(of: &node, written, depth: depth, scope: scope) }
        return node
    }

    private mutating func content(
        of node: inout XMLNode, _ written: String, depth: Int, scope: [String: String]
    ) throws(XMLError) {
        var text: [UInt8] = []
        while true {
            guard position < bytes.count else { throw error("the element \(written.prefix(40)) does not end") }
            if bytes[position] != 60, bytes[position] != 38 {
                text.append(bytes[position])
                position += 1
            } else if sees("</") {
                position += 2
                guard try name() == written else { throw error("another element ends than began") }
                skipSpace()
                guard sees(">") else { throw error("a tag does not end") }
                position += 1
                node.text = Self.trimmed(text)
                return
            } else if sees("<!--") {
                try skip(to: "-->")
            } else if sees("<![CDATA[") {
                position += 9
                let start = position
                try skip(to: "]]>")
                text += bytes[start..<position - 3]
            } else if sees("<?") {
                try skip(to: "?>")
            } else if sees("<!") {
                throw error("a declaration inside an element", code: "xml_doctype_refused")
            } else if bytes[position] == 60 {
                node.children.append(try element(depth: depth + 1, scope: scope))
            } else {
                try reference(into: &text)
            }
            guard text.count <= limits.textBytesMax else {
                throw error("a text of more than \(limits.textBytesMax) bytes")
            }
        }
    }

    private mutating func name() throws(XMLError) -> String {
        let start = position
        while position < bytes.count, Self.isName(bytes[position]) { position += 1 }
        guard (1...100).contains(position - start), !(48...57).contains(bytes[start]), bytes[start] != 45,
            bytes[start] != 46
        else { throw error("a name is missing") }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private static func isName(_ byte: UInt8) -> Bool {
        (48...58).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte) || byte == 45 || byte == 46
            || byte == 95 || byte >= 128
    }

    private mutating func attribute() throws(XMLError) -> (name: String, value: String) {
        let name = try name()
        skipSpace()
        guard sees("=") else { throw error("an attribute without a value") }
        position += 1
        skipSpace()
        guard position < bytes.count, bytes[position] == 34 || bytes[position] == 39 else {
            throw error("a value without quotes")
        }
        let quote = bytes[position]
        position += 1
        var value: [UInt8] = []
        while position < bytes.count, bytes[position] != quote {
            if bytes[position] == 60 { throw error("a tag inside a value") }
            if bytes[position] == 38 {
                try reference(into: &value)
            } else {
                value.append(bytes[position])
                position += 1
            }
            guard value.count <= limits.textBytesMax else { throw error("a value that is too long") }
        }
        guard position < bytes.count else { throw error("a value that does not end") }
        position += 1
        return (name, String(decoding: value, as: UTF8.self))
    }

    /// The five names of XML and numbers; there are no others without a document type.
    private mutating func reference(into text: inout [UInt8]) throws(XMLError) {
        let known: [(StaticString, UInt8)] = [
            ("&amp;", 38), ("&lt;", 60), ("&gt;", 62), ("&quot;", 34), ("&apos;", 39),
        ]
        for (name, byte) in known where sees(name) {
            position += name.utf8CodeUnitCount
            text.append(byte)
            return
        }
        guard sees("&#") else { throw error("an entity that is not known") }
        let start = position + 2
        guard let end = bytes[start...].prefix(10).firstIndex(of: 59) else {
            throw error("a reference without its end")
        }
        let digits = String(decoding: bytes[start..<end], as: UTF8.self)
        let code = digits.hasPrefix("x") ? UInt32(digits.dropFirst(), radix: 16) : UInt32(digits)
        guard let code, let scalar = Unicode.Scalar(code), code >= 32 || [9, 10, 13].contains(code),
            code < 0xFFFE || code > 0xFFFF
        else { throw error("a reference to no character") }
        text += Array(String(Character(scalar)).utf8)
        position = end + 1
    }

    private static func trimmed(_ bytes: [UInt8]) -> String {
        let start = bytes.firstIndex { !isSpace($0) } ?? bytes.count
        let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? start
        return String(decoding: bytes[start..<end], as: UTF8.self)
    }
}
