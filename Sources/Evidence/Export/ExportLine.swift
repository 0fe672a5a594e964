internal import Cryptography

/// The lines of a journal export: one flat JSON object each. Format: `docs/reference/evidence-format.md`.
enum ExportLine {
    static let formatName = "digitalbank.evidence/1"

    static func header(exportedAt: String) -> JSONLine {
        var line = JSONLine()
        line.add("format", formatName)
        line.add("exported_at", exportedAt)
        return line
    }

    static func entry(_ entry: JournalEntry) -> JSONLine {
        var line = JSONLine()
        line.add("entry", entry.id)
        line.add("cluster", String(entry.cluster))
        line.add("xid", String(entry.xid))
        line.add("at", entry.at)
        line.add("actor", entry.actor)
        line.add("kind", entry.kind)
        line.add("subject", entry.subject)
        line.add("outcome", entry.outcome)
        line.add("body", entry.body)
        return line
    }

    static func block(_ block: JournalBlock) -> JSONLine {
        var line = JSONLine()
        line.add("block", block.number)
        line.add("cluster", String(block.cluster))
        line.add("first_xid", String(block.firstXid))
        line.add("end_xid", String(block.endXid))
        line.add("rows", Int64(block.rowCount))
        if let firstID = block.firstID, let lastID = block.lastID, let lastAt = block.lastAt {
            line.add("first_id", firstID)
            line.add("last_id", lastID)
            line.add("last_at", lastAt)
        }
        line.add("root", block.root.hex)
        line.add("marks", block.marks.hex)
        line.add("sealed_at", block.sealedAt)
        line.add("previous", block.previous.hex)
        line.add("hash", block.hash.hex)
        line.add("signature", block.signature.hex)
        line.add("key", block.key.hex)
        return line
    }

    /// What follows has not been sealed.
    static func unsealed() -> JSONLine {
        var line = JSONLine()
        line.add("unsealed", 1)
        return line
    }

    /// The last line.
    static func end(blocks: Int, entries: Int) -> JSONLine {
        var line = JSONLine()
        line.add("end", 1)
        line.add("blocks", Int64(blocks))
        line.add("entries", Int64(entries))
        return line
    }
}

/// Writes one flat JSON object.
struct JSONLine {
    private(set) var bytes: [UInt8] = [UInt8(ascii: "{")]

    mutating func add(_ name: String, _ number: Int64) {
        begin(name)
        bytes += String(number).utf8
    }

    mutating func add(_ name: String, _ text: String) {
        begin(name)
        bytes.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<32:
                bytes += "\\u00".utf8
                bytes.append(byte >> 4 + UInt8(ascii: "0"))
                bytes.append(Self.digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    /// With the brace and the line's end.
    var finished: [UInt8] { bytes + [UInt8(ascii: "}"), 10] }

    /// Whether `line`, without its end, is this object byte for byte.
    func isExactly(_ line: UnsafeBufferPointer<UInt8>) -> Bool {
        line.count == bytes.count + 1 && line.last == UInt8(ascii: "}") && line.dropLast().elementsEqual(bytes)
    }

    private static let digits = Array("0123456789abcdef".utf8)

    private mutating func begin(_ name: String) {
        if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
        bytes.append(UInt8(ascii: "\""))
        bytes += name.utf8
        bytes += "\":".utf8
    }
}
