internal import Cryptography

/// Hashes fields so that no two different lists of fields give the same bytes: a version byte, then each field with its
/// length (8 bytes, big endian) before it.
struct FieldHash {
    private var bytes: [UInt8]

    init(version: UInt8) { bytes = [version] }

    mutating func add(_ field: some Collection<UInt8>) {
        let count = UInt64(field.count)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: count >> UInt64(shift)))
        }
        bytes += field
    }

    mutating func add(_ field: String) { add(field.utf8) }

    mutating func add(_ number: Int) { add(String(number)) }

    var digest: [UInt8] { SHA256.hash(bytes) }
}
