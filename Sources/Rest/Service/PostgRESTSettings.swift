public import Diagnostics

/// PostgREST's own configuration, from its file or from `PGRST_*` variables, as far as we know its words.
public struct PostgRESTSettings: Sendable {
    public var rest = RestSettings()
    /// A libpq connection string.
    public var databaseURI = "postgresql://"
    public var poolSize = 10
    public var host = "127.0.0.1"
    public var port = 3000
    public var adminPort: Int?
    /// The secret or JWK set that tokens are verified with; nil takes none.
    public var secret: String?
    public var isSecretBase64 = false
    public var audience: String?
    /// `.role`, `."https://example.com".role`.
    public var roleClaim = ".role"
    /// Settings that are known and change nothing here, or unknown: told at start.
    public var ignored: [String] = []

    public init() {}

    /// Reads a file's text, then lets variables overrule it. Values that stand in files of their own
    /// (`jwt-secret = "@/run/secrets/jwt"`) are read by `contents`, which gives nil for what can not be read.
    public static func read(
        file: String?, environment: [String: String], contents: (String) -> String?
    ) throws(SettingsError) -> PostgRESTSettings {
        var settings = PostgRESTSettings()
        settings.rest.servesUnguarded = true
        settings.rest.anonymousRole = nil
        settings.rest.setsRequestDetails = true
        settings.rest.rolesThatSeeDetails = []
        for (number, line) in (file ?? "").split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let text = String(line).trimmingSpaces()
            guard !text.isEmpty, !text.hasPrefix("#") else { continue }
            guard let equals = text.firstIndex(of: "=") else {
                throw SettingsError(
                    message: "line \(number + 1) of the configuration has no equals sign: \(text)",
                    hint: "Write name = value, texts between double quotes.")
            }
            let name = String(text[..<equals]).trimmingSpaces().lowercased()
            try settings.set(name, Self.unquoted(String(text[text.index(after: equals)...]).trimmingSpaces()))
        }
        for (variable, value) in environment.sorted(by: { $0.key < $1.key }) where variable.hasPrefix("PGRST_") {
            let name = variable.dropFirst(6).lowercased()
            if name.hasPrefix("app_settings_") {
                try settings.set("app.settings." + name.dropFirst(13), value)
            } else {
                try settings.set(name.replacing("_", with: "-"), value)
            }
        }
        settings.databaseURI = try Self.followed("db-uri", settings.databaseURI, contents)
        if let secret = settings.secret { settings.secret = try Self.followed("jwt-secret", secret, contents) }
        return settings
    }

    /// The text of the file behind an `@`, without the line's end that editors leave.
    private static func followed(
        _ name: String, _ value: String, _ contents: (String) -> String?
    ) throws(SettingsError) -> String {
        guard value.hasPrefix("@") else { return value }
        let path = String(value.dropFirst())
        guard var text = contents(path) else {
            throw SettingsError(
                message: "\(name) names the file \(path), which can not be read",
                hint: "Let the server's user read the file, or give the value itself.")
        }
        while let last = text.last, last.isNewline { text.removeLast() }
        guard !text.isEmpty else {
            throw SettingsError(
                message: "\(name) names the file \(path), which is empty", hint: "Write the value into the file.")
        }
        return text
    }

    private static func unquoted(_ text: String) -> String {
        guard text.hasPrefix("\""), text.count > 1, let end = text.dropFirst().lastIndex(of: "\"") else { return text }
        return String(text[text.index(after: text.startIndex)..<end]).replacing("\\\"", with: "\"")
    }

    private mutating func set(_ name: String, _ value: String) throws(SettingsError) {
        switch name {
        case "db-uri": databaseURI = value
        case "db-schemas", "db-schema":
            rest.schemas = Self.list(value)
            guard !rest.schemas.isEmpty else { throw Self.wrong(name, value) }
        case "db-anon-role": rest.anonymousRole = value.isEmpty ? nil : value
        case "db-extra-search-path": rest.extraSearchPath = Self.list(value)
        case "db-max-rows", "max-rows": rest.rowsMax = value.isEmpty ? nil : Int64(try number(name, value))
        case "db-pre-request", "pre-request": rest.preRequest = value.isEmpty ? nil : value
        case "db-tx-end":
            guard ["commit", "commit-allow-override", "rollback", "rollback-allow-override"].contains(value) else {
                throw Self.wrong(name, value)
            }
            rest.allowsRollback = value.hasSuffix("allow-override")
            rest.rollsBackAlways = value.hasPrefix("rollback")
        case "db-aggregates-enabled": rest.allowsAggregates = try flag(name, value)
        case "db-plan-enabled": rest.allowsPlans = try flag(name, value)
        case "db-pool": poolSize = try number(name, value)
        case "jwt-secret": secret = value.isEmpty ? nil : value
        case "jwt-secret-is-base64", "secret-is-base64": isSecretBase64 = try flag(name, value)
        case "jwt-aud": audience = value.isEmpty ? nil : value
        case "jwt-role-claim-key", "role-claim-key": roleClaim = value
        case "server-host": host = ["!4", "*4", "*", "!6", "*6"].contains(value) ? "0.0.0.0" : value
        case "server-port": port = try number(name, value)
        case "admin-server-port": adminPort = try number(name, value)
        case "openapi-server-proxy-uri": rest.openAPIServer = value
        default:
            if name.hasPrefix("app.settings.") { rest.appSettings[name] = value } else { ignored.append(name) }
        }
    }

    private static func list(_ value: String) -> [String] {
        value.split(separator: ",").map { String($0).trimmingSpaces() }.filter { !$0.isEmpty }
    }

    private func number(_ name: String, _ value: String) throws(SettingsError) -> Int {
        guard let number = Int(value), (0...10_000_000).contains(number) else { throw Self.wrong(name, value) }
        return number
    }

    private func flag(_ name: String, _ value: String) throws(SettingsError) -> Bool {
        switch value.lowercased() {
        case "true", "yes", "1", "on": return true
        case "false", "no", "0", "off": return false
        default: throw Self.wrong(name, value)
        }
    }

    private static func wrong(_ name: String, _ value: String) -> SettingsError {
        SettingsError(
            message: "\(name) cannot be \"\(value)\"", hint: "See PostgREST's documentation of \(name) for its values.")
    }
}

/// A configuration that can not be read.
public struct SettingsError: Fault, Hashable {
    public var code: String { "settings_unreadable" }
    public let message: String
    public let hint: String

    public init(message: String, hint: String) {
        self.message = message
        self.hint = hint
    }
}
