internal import Vault

/// Blind-index codes of values that come again and again: the same few thousand IBANs stand behind millions of
/// operations, and a keyed hash costs more than the rest of a row.
///
/// Not shared between threads: each pump has its own.
final class CodeCache<Code>: @unchecked Sendable {
    // SAFETY: one pump's receiving thread is its only user.
    private var codes: [Key: Code] = [:]
    private let make: ([UInt8]) -> Code
    private static var entriesMax: Int { 200_000 }

    init(_ make: @escaping ([UInt8]) -> Code) { self.make = make }

    func code(_ value: [UInt8]) -> Code {
        let key = Key(bytes: value)
        if let known = codes[key] { return known }
        if codes.count >= Self.entriesMax { codes.removeAll(keepingCapacity: true) }
        let code = make(value)
        codes[key] = code
        return code
    }

    /// An array hashes itself byte by byte; this one hashes its memory at once.
    private struct Key: Hashable {
        let bytes: [UInt8]

        func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }
    }
}
