internal import Cryptography

/// Published heads, read from the file they were appended to.
struct HeadFile {
    private(set) var heads: [Int64: JournalHead] = [:]
    private(set) var last: JournalHead?

    private static let lineBytesMax = 64 << 10

    init(path: String, keys: TrustedKeys, _ problems: inout Problems) throws {
        var reader = try LineReader(path: path, bytesMax: Self.lineBytesMax)
        var found: JournalHead?
        while try reader.next({ line in found = line.isEmpty ? nil : try? JournalHead(line: line) }) {
            guard let head = found else {
                problems.add("published heads: line \(reader.number) is no head: torn by a crash, or edited")
                continue
            }
            guard head.isSigned else {
                problems.add("published heads: line \(reader.number) (block \(head.block)) was edited")
                continue
            }
            guard keys.accepts(hex: head.key) else {
                problems.add(
                    "published heads: line \(reader.number) (block \(head.block)) is signed by a key that is not yours")
                continue
            }
            if let other = heads[head.block], other.hash != head.hash {
                problems.add("published heads: two different heads of block \(head.block): the journal forks there")
                continue
            }
            heads[head.block] = head
            if head.block >= last?.block ?? 0 { last = head }
        }
    }
}

/// The keys whose signatures count; any key when none was named.
struct TrustedKeys {
    private let fingerprints: Set<String>
    /// Fingerprints that signed something.
    private(set) var seen: Set<String> = []

    init(_ fingerprints: [String]) { self.fingerprints = Set(fingerprints.map { $0.lowercased() }) }

    var isOpen: Bool { fingerprints.isEmpty }

    func accepts(hex: String) -> Bool { accepts([UInt8](hex: hex) ?? []) }

    func accepts(_ key: [UInt8]) -> Bool {
        isOpen || fingerprints.contains(Ed25519.PublicKey(raw: key).fingerprint)
    }

    mutating func note(_ key: [UInt8]) { seen.insert(Ed25519.PublicKey(raw: key).fingerprint) }
}
