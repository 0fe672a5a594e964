/// One bound parameter: its type and its value in PostgreSQL's text or binary form.
public struct BoundValue: Sendable, Hashable {
    enum Storage: Sendable, Hashable {
        case null
        case text(String)
        case bytes([UInt8])
        case int64(Int64)
        case int32(Int32)
    }

    /// The parameter's type OID; 0 lets the server infer it.
    public let type: UInt32
    public let isBinary: Bool
    let storage: Storage

    public init(type: UInt32, bytes: [UInt8]?, isBinary: Bool = false) {
        self.type = type
        self.isBinary = isBinary
        storage = bytes.map(Storage.bytes) ?? .null
    }

    public init(type: UInt32, text: String) {
        self.type = type
        isBinary = false
        storage = .text(text)
    }

    init(_ value: Int64) {
        type = 20
        isBinary = true
        storage = .int64(value)
    }

    init(_ value: Int32) {
        type = 23
        isBinary = true
        storage = .int32(value)
    }

    /// `nil` is SQL NULL. Text values carry no terminating zero.
    public var bytes: [UInt8]? {
        switch storage {
        case .null: nil
        case .text(let text): Array(text.utf8)
        case .bytes(let bytes): bytes
        case .int64(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        case .int32(let value): withUnsafeBytes(of: value.bigEndian) { Array($0) }
        }
    }

    /// Bytes on the wire, without the zero that ends a text.
    var byteCount: Int {
        switch storage {
        case .null: 0
        case .text(let text): text.utf8.count
        case .bytes(let bytes): bytes.count
        case .int64: 8
        case .int32: 4
        }
    }
}
