internal import Cryptography
internal import Foundation
internal import Glibc

/// Passwords known to be in circulation, as a Bloom filter in a local file: nothing of a password leaves the machine.
///
/// The file is made of a list of SHA-1 digests (that of haveibeenpwned.com) or of plain passwords, one a line. A password
/// of the list is always found; one that is not, by mistake, once in `1 / falseRate` times.
public struct BreachedPasswords: Sendable {
    private let file: File
    private let bits: UInt64
    private let probes: UInt32

    private static let magic = Array("DBBLOOM1".utf8)
    private static let headBytes = 20
    /// Eight thousand million bits: one gigabyte.
    private static let bitsMax: UInt64 = 8_589_934_592
    private static let lineBytesMax = 1024

    /// Keeps the file open; it is read a byte at a time where a question leads.
    private final class File: Sendable {
        let descriptor: Int32
        init(_ descriptor: Int32) { self.descriptor = descriptor }
        deinit { close(descriptor) }
    }

    public init(path: String) throws(AuthFault) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.unreadable(path, "it cannot be opened") }
        file = File(descriptor)
        var head = [UInt8](repeating: 0, count: Self.headBytes)
        var status = stat()
        guard pread(descriptor, &head, head.count, 0) == head.count, Array(head.prefix(8)) == Self.magic,
            fstat(descriptor, &status) == 0
        else { throw Self.unreadable(path, "it is no such file") }
        probes = head[8..<12].reduce(0) { $0 << 8 | UInt32($1) }
        bits = head[12..<20].reduce(0) { $0 << 8 | UInt64($1) }
        guard (1...32).contains(probes), (8...Self.bitsMax).contains(bits),
            UInt64(max(0, status.st_size)) == UInt64(Self.headBytes) + (bits + 7) / 8
        else { throw Self.unreadable(path, "it is cut or damaged") }
    }

    /// Fails open: a file that can no longer be read finds nothing.
    public func contains(_ password: String) -> Bool {
        guard let digest = try? LegacyDigest.sha1.hash(Array(password.utf8)) else { return false }
        return Self.places(of: digest, probes: probes, bits: bits).allSatisfy { place in
            var byte: UInt8 = 0
            let offset = off_t(Self.headBytes) + off_t(place / 8)
            return pread(file.descriptor, &byte, 1, offset) == 1 && byte >> UInt8(place % 8) & 1 == 1
        }
    }

    /// Two halves of the digest give all places (Kirsch and Mitzenmacher).
    private static func places(of digest: [UInt8], probes: UInt32, bits: UInt64) -> [UInt64] {
        let first = digest[0..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let second = digest[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) } | 1
        return (0..<UInt64(probes)).map { (first &+ $0 &* second) % bits }
    }

    // MARK: Making the file

    /// Writes the filter of the list at `source` to `path` and says how many lines it holds.
    @discardableResult
    public static func build(from source: String, to path: String, falseRate: Double = 0.001) throws -> Int {
        var count = 0
        try forEachLine(of: source) { _ in count += 1 }
        let rate = min(max(falseRate, 1e-6), 0.1)
        let wanted = -Double(max(count, 1)) * log(rate) / (M_LN2 * M_LN2)
        let bits = UInt64(min(max(wanted.rounded(.up), 64), Double(bitsMax)))
        let probes = UInt32(min(max((Double(bits) / Double(max(count, 1)) * M_LN2).rounded(), 1), 32))
        var bytes = [UInt8](repeating: 0, count: Int((bits + 7) / 8))
        try forEachLine(of: source) { line in
            for place in places(of: try digest(of: line), probes: probes, bits: bits) {
                bytes[Int(place / 8)] |= 1 << UInt8(place % 8)
            }
        }
        var head = magic
        withUnsafeBytes(of: probes.bigEndian) { head += $0 }
        withUnsafeBytes(of: bits.bigEndian) { head += $0 }
        do {
            try Data(head + bytes).write(to: URL(filePath: path), options: .atomic)
        } catch {
            throw AuthFault(
                code: "breached_not_written", message: "the list of breached passwords cannot be written to \(path)",
                hint: "Choose a folder that the program may write, with \(bytes.count) bytes free.")
        }
        return count
    }

    /// `5BAA61E4…:3861493`, a digest alone, or a password.
    private static func digest(of line: [UInt8]) throws -> [UInt8] {
        let first = line.prefix { $0 != UInt8(ascii: ":") }
        if first.count == 40, let digest = [UInt8](hex: String(decoding: first, as: UTF8.self)) { return digest }
        return try LegacyDigest.sha1.hash(line)
    }

    private static func forEachLine(of path: String, _ body: ([UInt8]) throws -> Void) throws {
        guard let handle = FileHandle(forReadingAtPath: path) else {
            throw unreadable(path, "it cannot be opened")
        }
        defer { try? handle.close() }
        var rest: [UInt8] = []
        while let data = try handle.read(upToCount: 1 << 20), !data.isEmpty {
            rest += data
            var start = 0
            while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = rest[start..<end].filter { $0 != UInt8(ascii: "\r") }
                if !line.isEmpty { try body(line) }
                start = end + 1
            }
            rest.removeFirst(start)
            guard rest.count <= lineBytesMax else { throw unreadable(path, "it has a line without end") }
        }
        if !rest.isEmpty { try body(rest) }
    }

    private static func unreadable(_ path: String, _ why: String) -> AuthFault {
        AuthFault(
            code: "breached_unreadable", message: "the list of breached passwords \(path) cannot be used: \(why)",
            hint: "Give a list with one password or SHA-1 digest a line, or make the file from it again.")
    }
}
