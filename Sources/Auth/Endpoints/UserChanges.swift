internal import Web

/// What an administrator asks to set on an account.
struct UserChanges: Sendable {
    /// Nil seconds lift a ban.
    struct Ban: Sendable { let seconds: Int64? }

    let email: String?
    let isEmailConfirmed: Bool?
    let role: String?
    let appMetadata: JSON?
    let userMetadata: JSON?
    let ban: Ban?
    private let password: String?
    private let passwordHash: String?

    init(_ call: Call) throws(AuthError) {
        if try call.text("phone") != nil { throw AuthError(400, .phoneProviderDisabled, "Unsupported phone provider") }
        email = try call.email()
        isEmailConfirmed = try call.flag("email_confirm")
        appMetadata = try call.object("app_metadata")
        userMetadata = try call.object("user_metadata")
        password = try call.text("password")
        passwordHash = try call.text("password_hash")
        role = try call.text("role")
        if let role, !Self.isRoleName(role) { throw .validation("role is not the name of a role") }
        if password != nil, passwordHash != nil {
            throw .validation("Only a password or a password hash should be provided")
        }
        if let passwordHash, !StoredHash(passwordHash).isVerifiable {
            throw .validation("password_hash is of a kind that is not known, or asks for too much work")
        }
        ban = try call.text("ban_duration").map { text throws(AuthError) in
            guard text != "none" else { return Ban(seconds: nil) }
            guard let seconds = GoDuration.seconds(text) else { throw .validation("invalid format for ban duration") }
            return Ban(seconds: seconds)
        }
    }

    /// The hash to store; nil when the password stays.
    func hash(by core: AuthCore) async throws -> String? {
        if let passwordHash { return passwordHash }
        guard let password else { return nil }
        let faults = core.settings.password.faults(of: password)
        guard faults.isEmpty else { throw AuthError.weak(faults, lengthMin: core.settings.password.lengthMin) }
        return try await core.workers.hash(password)
    }

    private static func isRoleName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { (97...122).contains($0) || (48...57).contains($0) || $0 == UInt8(ascii: "_") }
    }
}

/// Durations as Go writes them: `24h`, `1h30m`, `90.5s`.
enum GoDuration {
    static let secondsMax: Int64 = 100 * 366 * 86_400

    /// Whole seconds, cut at a hundred years; nil for what is no positive duration.
    static func seconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var total = 0.0
        guard !rest.isEmpty, text.utf8.count <= 40 else { return nil }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            rest = rest[digits.endIndex...]
            let unit = rest.prefix { $0.isLetter || $0 == "µ" }
            rest = rest[unit.endIndex...]
            guard let value = Double(digits), let factor = factor(unit) else { return nil }
            total += value * factor
        }
        guard total.isFinite, total > 0 else { return nil }
        return Int64(min(total.rounded(.up), Double(secondsMax)))
    }

    private static func factor(_ unit: Substring) -> Double? {
        switch unit {
        case "h": 3600
        case "m": 60
        case "s": 1
        case "ms": 1e-3
        case "us", "µs": 1e-6
        case "ns": 1e-9
        default: nil
        }
    }
}
