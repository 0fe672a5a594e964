internal import Foundation
internal import Synchronization
internal import Vault

/// Opens the columns that the old bank wrote with `pgp_sym_encrypt`, under its own key.
///
/// The dump chose how much work each value asks for: dear ones are opened up to a number, so that a hostile dump can not
/// hold a recovery up for days.
final class LegacyColumns: Sendable {
    /// Why values stayed closed.
    enum Refusal: String {
        case keyMissing = "legacy_key_missing"
        case keyWrong = "legacy_key_wrong"
        case broken = "legacy_value_broken"
        case unknown = "legacy_value_unknown"
    }

    private static let cheapHashingBytesMax = 4 << 20
    private static let dearValuesMax = 1_000

    private let passphrase: [UInt8]?
    private let dearValues = Mutex(0)

    /// - Parameter keyFile: holds the key, with or without a newline at its end; nil when there is none.
    init(keyFile: String?) throws {
        guard let keyFile else {
            passphrase = nil
            return
        }
        guard let data = FileManager.default.contents(atPath: keyFile) else { throw Self.unreadable(keyFile) }
        var bytes = Array(data)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
        guard !bytes.isEmpty, bytes.count <= 4096 else { throw Self.unreadable(keyFile) }
        passphrase = bytes
    }

    private static func unreadable(_ path: String) -> RecoveryError {
        RecoveryError(
            code: "legacy_key_unreadable", message: "no key of legacy columns can be read from \(path)",
            hint: "Give a file that holds the passphrase and nothing else, or leave --legacy-key-file out.",
            exitStatus: .badInput)
    }

    /// `value` is a bytea as COPY gives it, `\x…`.
    func open(_ value: [UInt8]) -> Result<[UInt8], ClosedValue> {
        guard let passphrase else { return .failure(ClosedValue(.keyMissing)) }
        guard let sealed = Self.binary(value) else { return .failure(ClosedValue(.broken)) }
        var limits = LegacyPGP.Limits()
        if dearValues.withLock({ $0 }) >= Self.dearValuesMax { limits.hashedBytesMax = Self.cheapHashingBytesMax }
        do {
            let opened = try LegacyPGP(passphrase: passphrase, limits: limits).decrypt(sealed)
            if opened.hashedBytes > Self.cheapHashingBytesMax { dearValues.withLock { $0 += 1 } }
            return .success(opened.plaintext)
        } catch {
            return .failure(ClosedValue(Refusal(rawValue: error.code) ?? .broken))
        }
    }

    struct ClosedValue: Error {
        let refusal: Refusal
        init(_ refusal: Refusal) { self.refusal = refusal }
    }

    private static func binary(_ text: [UInt8]) -> [UInt8]? {
        guard text.starts(with: Array("\\x".utf8)), text.count % 2 == 0 else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.count / 2)
        for index in stride(from: 2, to: text.count, by: 2) {
            guard let high = nibble(text[index]), let low = nibble(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func nibble(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
