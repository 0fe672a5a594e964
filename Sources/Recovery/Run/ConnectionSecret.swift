/// Takes the password out of a connection string: what is written down, shown or given to another program has none.
///
/// Both of libpq's forms are read as libpq reads them: `postgresql://user:secret@host/db?…` and `host=… password=…`.
struct ConnectionSecret: Equatable {
    /// The same string without passwords.
    let connectionString: String
    let password: String?

    private static let schemes = ["postgresql://", "postgres://"]
    private static let secrets: Set<String> = ["password", "sslpassword"]

    /// Nil when the string is of neither form.
    init?(_ connectionString: String) {
        if let scheme = Self.schemes.first(where: { connectionString.hasPrefix($0) }) {
            self.init(address: connectionString, scheme)
        } else {
            self.init(words: connectionString)
        }
    }

    private init(address: String, _ scheme: String) {
        var rest = address.dropFirst(scheme.count)
        var found: String?
        let authority = rest.prefix { $0 != "/" && $0 != "?" }
        if let at = authority.firstIndex(of: "@"), let colon = authority[..<at].firstIndex(of: ":") {
            found = Self.decoded(authority[authority.index(after: colon)..<at])
            rest = authority[..<colon] + rest[at...]
        }
        guard let mark = rest.firstIndex(of: "?") else {
            (connectionString, password) = (scheme + rest, found)
            return
        }
        var kept: [Substring] = []
        for pair in rest[rest.index(after: mark)...].split(separator: "&", omittingEmptySubsequences: false) {
            let name = Self.decoded(pair.prefix { $0 != "=" })
            guard Self.secrets.contains(name) else {
                kept.append(pair)
                continue
            }
            if name == "password" { found = Self.decoded(pair.dropFirst(name.count + 1)) }
        }
        let query = kept.isEmpty ? "" : "?" + kept.joined(separator: "&")
        (connectionString, password) = (scheme + rest[..<mark] + query, found)
    }

    private static func decoded(_ text: some StringProtocol) -> String {
        let bytes = Array(text.utf8)
        var out: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count,
                let byte = UInt8(String(decoding: bytes[(index + 1)...(index + 2)], as: UTF8.self), radix: 16)
            {
                out.append(byte)
                index += 3
            } else {
                out.append(bytes[index])
                index += 1
            }
        }
        return String(decoding: out, as: UTF8.self)
    }

    private init?(words text: String) {
        var rest = Substring(text)
        var kept: [Substring] = []
        var found: String?
        while true {
            rest = rest.drop { $0.isWhitespace }
            guard !rest.isEmpty else { break }
            let start = rest.startIndex
            let name = rest.prefix { $0 != "=" && !$0.isWhitespace }
            rest = rest.dropFirst(name.count).drop { $0.isWhitespace }
            guard rest.first == "=", !name.isEmpty else { return nil }
            rest = rest.dropFirst().drop { $0.isWhitespace }
            guard let value = Self.value(&rest) else { return nil }
            if Self.secrets.contains(String(name)) {
                if name == "password" { found = value }
            } else {
                kept.append(text[start..<rest.startIndex])
            }
        }
        (connectionString, password) = (kept.joined(separator: " "), found)
    }

    /// A bare or quoted value; a backslash takes the next character as it is. Nil when its quote does not end.
    private static func value(_ rest: inout Substring) -> String? {
        let isQuoted = rest.first == "'"
        if isQuoted { rest = rest.dropFirst() }
        var value = ""
        while let character = rest.first {
            if isQuoted ? character == "'" : character.isWhitespace { break }
            rest = rest.dropFirst()
            guard character == "\\" else {
                value.append(character)
                continue
            }
            guard let next = rest.first else { break }
            value.append(next)
            rest = rest.dropFirst()
        }
        guard isQuoted else { return value }
        guard rest.first == "'" else { return nil }
        rest = rest.dropFirst()
        return value
    }
}

extension RecoveryOptions {
    /// The options as they may be written down, and the password of the target when they held one.
    func withoutPassword() throws(RecoveryError) -> (options: RecoveryOptions, password: String?) {
        guard case .server(let given) = target else { return (self, nil) }
        guard let secret = ConnectionSecret(given) else {
            throw RecoveryError(
                code: "connection_string_unreadable", message: "--into is not a connection string",
                hint: "Give postgresql://user@host:port/database, and the password in PGPASSWORD.",
                exitStatus: .badInput)
        }
        var options = self
        options.target = .server(connectionString: secret.connectionString)
        return (options, secret.password)
    }
}
