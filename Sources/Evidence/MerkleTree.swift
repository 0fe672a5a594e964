internal import Cryptography

/// The Merkle tree hash of RFC 6962 (section 2.1), leaf by leaf, in memory that grows with the tree's height only.
struct MerkleTree {
    /// Roots of complete subtrees, the largest first; the bits of `count` say how large each is.
    private var peaks: [[UInt8]] = []
    private(set) var count = 0

    mutating func add(_ leaf: [UInt8]) {
        var node = SHA256.hash([0] + leaf)
        var size = count
        while size & 1 == 1, let left = peaks.popLast() {
            node = Self.join(left, node)
            size >>= 1
        }
        peaks.append(node)
        count += 1
    }

    var root: [UInt8] {
        guard var node = peaks.last else { return SHA256.hash([]) }
        for left in peaks.dropLast().reversed() { node = Self.join(left, node) }
        return node
    }

    private static func join(_ left: [UInt8], _ right: [UInt8]) -> [UInt8] { SHA256.hash([1] + left + right) }
}
