/// The packets of OpenPGP that a passphrase-encrypted value is made of.
enum PGPTag: UInt8 {
    case symmetricKey = 3
    case compressed = 8
    case encryptedData = 9
    case literal = 11
    case protectedData = 18
    case modificationCode = 19
}

struct PGPPacket {
    let tag: PGPTag
    let body: [UInt8]
}

/// Takes packets off the front of bytes that nobody trusts (RFC 4880, 4.2).
struct PGPReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// The next packet; nil at the end.
    mutating func packet() throws(VaultError) -> PGPPacket? {
        guard position < bytes.count else { return nil }
        let header = bytes[position]
        guard header & 0x80 != 0 else { throw .legacyBroken("a packet's first byte is \(header)") }
        position += 1
        let isNew = header & 0x40 != 0
        let number = isNew ? header & 0x3F : (header >> 2) & 0x0F
        let body = isNew ? try newBody() : try oldBody(lengthKind: header & 3)
        guard let tag = PGPTag(rawValue: number) else { throw .legacyBroken("a packet of kind \(number)") }
        return PGPPacket(tag: tag, body: body)
    }

    private mutating func oldBody(lengthKind: UInt8) throws(VaultError) -> [UInt8] {
        switch lengthKind {
        case 0: try take(Int(byte()))
        case 1: try take(number(bytes: 2))
        case 2: try take(number(bytes: 4))
        default: try take(bytes.count - position)
        }
    }

    /// One, two or five length bytes; or parts of a power of two bytes each, the last with a plain length.
    private mutating func newBody() throws(VaultError) -> [UInt8] {
        var body: [UInt8] = []
        while true {
            let first = try byte()
            switch first {
            case ..<192: return try body + take(Int(first))
            case ..<224: return try body + take((Int(first) - 192) << 8 + Int(byte()) + 192)
            case 255: return try body + take(number(bytes: 4))
            default: body += try take(1 << Int(first & 0x1F))
            }
        }
    }

    private mutating func byte() throws(VaultError) -> UInt8 {
        guard position < bytes.count else { throw .legacyBroken("it is cut off") }
        defer { position += 1 }
        return bytes[position]
    }

    private mutating func number(bytes count: Int) throws(VaultError) -> Int {
        var value = 0
        for _ in 0..<count { value = value << 8 | Int(try byte()) }
        return value
    }

    private mutating func take(_ count: Int) throws(VaultError) -> ArraySlice<UInt8> {
        guard count <= bytes.count - position else { throw .legacyBroken("it is cut off") }
        defer { position += count }
        return bytes[position..<(position + count)]
    }

    private mutating func take(_ count: Int) throws(VaultError) -> [UInt8] { Array(try take(count) as ArraySlice) }
}
