/// Which modules each target may import: DESIGN's layers, point down only. Capabilities never import each other.
enum Layers {
    /// The language's own, allowed everywhere.
    static let standard: Set<String> = ["Foundation", "Glibc", "Synchronization", "Dispatch", "Swift", "RegexBuilder"]

    private static let foundations: Set<String> = ["Diagnostics", "Cryptography", "Postgres", "Migrations"]
    private static let bank = foundations.union(["Vault", "Evidence", "Bank", "PostgresServer"])

    static let allowed: [String: Set<String>] = [
        "Diagnostics": [],
        "Postgres": ["Diagnostics", "CLibpq"],
        "PostgresServer": ["Diagnostics", "Postgres", "CSpawn"],
        "Migrations": ["Diagnostics", "Postgres"],
        "Cryptography": ["Diagnostics", "CLibCrypto"],
        "Vault": foundations.union(["CZlib", "CSpawn"]),
        "Evidence": foundations,
        "Salvage": ["Diagnostics", "Cryptography", "CZlib", "CZstd", "CLZ4"],
        "Web": ["HTTPTypes"],
        "Rest": foundations.union(["Web", "HTTPTypes"]),
        "Tokens": ["Diagnostics", "Cryptography", "Web"],
        "Auth": foundations.union([
            "Vault", "Tokens", "Web", "HTTPTypes", "CArgon2", "CCrypt", "FoundationNetworking",
        ]),
        "Realtime": ["Diagnostics", "Postgres", "Migrations", "Web", "HTTPTypes"],
        "Bank": foundations.union(["Vault"]),
        "BankAPI": foundations.union(["Vault", "Bank", "Web", "HTTPTypes"]),
        "Simulator": ["Diagnostics", "Postgres", "PostgresServer", "Bank", "Cryptography", "CZlib"],
        "Recovery": bank.union(["Salvage", "Yams"]),
        "Continuity": bank.union(["FoundationNetworking", "CZlib", "CZstd"]),
        "Fraud": foundations.union(["Evidence", "Web", "CXGBoost", "CZlib", "Yams"]),
        "Privacy": bank.union(["Web"]),
        "Detection": foundations.union(["Evidence", "Web", "Yams", "CZlib", "CZstd", "CRE2", "CModSecurity"]),
        "Monitoring": ["Diagnostics", "Postgres", "PostgresServer", "Migrations", "Web", "FoundationNetworking"],
        "Automation": foundations.union(["Evidence", "Web", "Yams", "NIOCore", "NIOPosix", "NIOHTTP1", "NIOSSL"]),
        "Analytics": foundations.union(["PostgresServer", "Tokens", "Web", "HTTPTypes", "Yams", "CXlsxWriter"]),
        "Charts": [],
        "Console": [
            "Diagnostics", "Cryptography", "Charts", "Postgres", "Migrations", "Web", "CXlsxWriter", "HTTPTypes",
            "Mustache",
        ],
        "Gateway": [
            "Diagnostics", "Postgres", "Web", "Rest", "Tokens", "Auth", "Realtime", "BankAPI", "Fraud", "Detection",
            "Monitoring", "Automation", "Privacy", "Analytics", "CZlib", "HTTPTypes", "Hummingbird",
            "HummingbirdCore", "UnixSignals", "HummingbirdHTTP2", "Logging", "NIOCore", "NIOPosix",
            "NIOHTTP1", "NIOSSL", "NIOTLS", "NIOWebSocket",
            "NIOHTTPTypes", "NIOHTTPTypesHTTP1",
            "ServiceLifecycle",
        ],
        "Platform": bank.union([
            "FoundationNetworking", "Simulator", "Salvage", "Recovery", "HTTPTypes", "Web", "Tokens", "Rest", "Auth",
            "Realtime", "BankAPI",
            "Detection", "Gateway", "Fraud", "Monitoring", "Automation", "Console", "Privacy", "Continuity",
            "Analytics",
        ]),
        "Commands": ["Diagnostics", "Platform", "ArgumentParser"],
        "digitalbank": ["Commands"],
    ]

    /// Folders of C declarations: no Swift in them.
    static let shims: Set<String> = [
        "CLibpq", "CLibCrypto", "CZlib", "CZstd", "CLZ4", "CSpawn", "CArgon2", "CCrypt", "CXGBoost", "CRE2",
        "CXlsxWriter", "CModSecurity",
    ]

    static func violations(in file: TextFile) -> [Violation] {
        guard file.path.hasPrefix("Sources/"), file.isSwift, let target = file.target else { return [] }
        guard let allowed = allowed[target] else {
            return [Violation(path: file.path, line: 1, words: "the target \(target) is not in the table of layers")]
        }
        return imports(in: file.swift).compactMap { line, module in
            guard module != target, !allowed.contains(module), !standard.contains(module) else { return nil }
            return Violation(path: file.path, line: line, words: "\(target) may not import \(module)")
        }
    }

    /// `internal import struct Foundation.URL` imports `Foundation`.
    static func imports(in text: SwiftText) -> [(line: Int, module: String)] {
        let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
        return text.codeLines.enumerated().compactMap { index, line in
            guard line.contains("import ") else { return nil }
            var words = line.split(whereSeparator: \.isWhitespace)
            while let first = words.first, first != "import" {
                guard
                    first.hasPrefix("@") || ["public", "package", "internal", "fileprivate", "private"].contains(first)
                else { return nil }
                words.removeFirst()
            }
            guard words.count >= 2 else { return nil }
            let named = kinds.contains(words[1]) && words.count > 2 ? words[2] : words[1]
            return (index + 1, String(named.split(separator: ".")[0]))
        }
    }
}
