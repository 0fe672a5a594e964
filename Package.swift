// swift-tools-version: 6.2
import PackageDescription

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .treatAllWarnings(as: .error),
]

/// Byte-crunching targets are optimised in debug builds too: their tests read megabytes.
let crunching: [SwiftSetting] = strict + [.unsafeFlags(["-O"], .when(configuration: .debug))]

let lld: [LinkerSetting] = [.unsafeFlags(["-use-ld=lld"])]

func module(
    _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], settings: [SwiftSetting] = strict
) -> Target {
    .target(name: name, dependencies: dependencies, resources: resources, swiftSettings: settings)
}

func tests(
    _ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = [], settings: [SwiftSetting] = strict
) -> Target {
    .testTarget(
        name: name, dependencies: dependencies, resources: resources, swiftSettings: settings, linkerSettings: lld)
}

let package = Package(
    name: "digitalbank",
    products: [
        .executable(name: "digitalbank", targets: ["digitalbank"]),
        // For the Benchmarks package, which is apart.
        .library(
            name: "BankKit",
            targets: [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Bank", "Salvage", "Tokens",
                "Web", "Fraud", "Detection", "Evidence", "Automation", "BankAPI", "Vault",
            ]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
        .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries, Debian packages
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CXGBoost", providers: [.apt(["libxgboost-dev"])]),
        .systemLibrary(name: "CXlsxWriter", pkgConfig: "xlsxwriter", providers: [.apt(["libxlsxwriter-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // The C library's own, which Swift's Glibc module hides
        .systemLibrary(name: "CSpawn"),
        .systemLibrary(name: "CCrypt"),

        // Foundations
        module("Diagnostics", []),
        module("Postgres", ["Diagnostics", "CLibpq"]),
        module("PostgresServer", ["Diagnostics", "Postgres", "CSpawn"]),
        module("Migrations", ["Diagnostics", "Postgres"]),
        module("Cryptography", ["Diagnostics", "CLibCrypto"]),
        module(
            "Vault", ["Diagnostics", "Cryptography", "Postgres", "Migrations", "CZlib", "CSpawn"],
            resources: [.copy("Migrations")]),
        module(
            "Evidence", ["Diagnostics", "Cryptography", "Postgres", "Migrations"], resources: [.copy("Migrations")]),
        module("Salvage", ["Diagnostics", "Cryptography", "CZlib", "CZstd", "CLZ4"], settings: crunching),
        .target(
            name: "CRE2", cxxSettings: [.unsafeFlags(["-O2", "-std=c++17"])],
            linkerSettings: [.linkedLibrary("re2"), .linkedLibrary(":libmodsecurity.a")]),

        .target(name: "CModSecurity", linkerSettings: [.linkedLibrary("dl")]),

        module("Web", [.product(name: "HTTPTypes", package: "swift-http-types")]),
        module(
            "Rest",
            [
                "Diagnostics", "Cryptography", "Postgres", "Migrations", "Web",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ], resources: [.copy("Migrations")]),

        module("Tokens", ["Diagnostics", "Cryptography", "Web"]),

        // The bank
        module(
            "Bank", ["Diagnostics", "Cryptography", "Postgres", "Migrations", "Vault"], resources: [.copy("Migrations")]
        ),
        module(
            "Simulator", ["Diagnostics", "Postgres", "PostgresServer", "Bank", "Cryptography", "CZlib"],
            resources: [.copy("Legacy"), .copy("Labelled")], settings: crunching),

        // Capabilities
        module(
            "Recovery",
            [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "Salvage",
                .product(name: "Yams", package: "Yams"),
            ],
            resources: [.copy("Migrations"), .copy("Mappings")], settings: crunching),

        module(
            "Continuity",
            [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "CZlib", "CZstd",
            ],
            resources: [.copy("Migrations")], settings: crunching),

        module(
            "Fraud",
            [
                "Diagnostics", "Cryptography", "Postgres", "Migrations", "Evidence", "Web", "CXGBoost", "CZlib",
                .product(name: "Yams", package: "Yams"),
            ],
            resources: [.copy("Rules"), .copy("Migrations")], settings: crunching),

        module(
            "Privacy",
            [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "Web",
            ],
            resources: [.copy("Migrations")]),

        module(
            "Realtime",
            [
                "Diagnostics", "Postgres", "Migrations", "Web",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ], resources: [.copy("Migrations")]),

        module(
            "Auth",
            [
                "Diagnostics", "Cryptography", "Tokens", "Web", "Postgres", "Migrations", "CArgon2", "CCrypt",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ], resources: [.copy("Migrations")]),

        module(
            "BankAPI",
            [
                "Diagnostics", "Cryptography", "Postgres", "Vault", "Bank", "Web",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),

        module(
            "Detection",
            [
                "Diagnostics", "Cryptography", "Postgres", "Migrations", "Evidence", "Web", "CZlib", "CZstd", "CRE2",
                "CModSecurity",
                .product(name: "Yams", package: "Yams"),
            ], resources: [.copy("Migrations")],
            // Checked by the compiler where it can; the checks at run time cost a third of the time per line.
            settings: crunching + [.unsafeFlags(["-enforce-exclusivity=unchecked"])]),

        module(
            "Monitoring", ["Diagnostics", "Postgres", "PostgresServer", "Migrations", "Web"],
            resources: [.copy("Migrations")]),

        module(
            "Automation",
            [
                "Diagnostics", "Cryptography", "Postgres", "Migrations", "Evidence", "Web",
                .product(name: "Yams", package: "Yams"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
            ], resources: [.copy("Migrations"), .copy("Shipped")]),

        module(
            "Analytics",
            [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Tokens", "Web",
                "CXlsxWriter",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Yams", package: "Yams"),
            ], resources: [.copy("Migrations"), .copy("Rules")]),

        // What people see: pictures of figures, pages
        module("Charts", [], settings: crunching),
        module(
            "Console",
            [
                "Diagnostics", "Cryptography", "Charts", "Postgres", "Migrations", "Web", "CXlsxWriter",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Mustache", package: "swift-mustache"),
            ], resources: [.copy("Templates"), .copy("Assets"), .copy("Words"), .copy("Migrations")]),

        // HTTP: the one place that knows a server
        module(
            "Gateway",
            [
                "Diagnostics", "Postgres", "Web", "Tokens", "Rest", "Auth", "Realtime", "BankAPI", "Fraud", "Detection",
                "Monitoring", "Automation", "Privacy", "Analytics", "CZlib",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Hummingbird", package: "hummingbird"),
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HummingbirdHTTP2", package: "hummingbird"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOSSL", package: "swift-nio-ssl"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOTLS", package: "swift-nio"),
                .product(name: "NIOWebSocket", package: "swift-nio"),
                .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
                .product(name: "UnixSignals", package: "swift-service-lifecycle"),
            ]),

        // Composition, faces, executable
        module(
            "Platform",
            [
                "Diagnostics", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "Simulator", "Recovery", "Web", "Tokens", "Rest", "Auth", "Realtime", "BankAPI", "Detection", "Gateway",
                "Fraud", "Monitoring", "Automation", "Console", "Privacy", "Continuity", "Analytics",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        module(
            "Commands",
            ["Diagnostics", "Platform", .product(name: "ArgumentParser", package: "swift-argument-parser")]),
        .executableTarget(
            name: "digitalbank", dependencies: ["Commands"], swiftSettings: strict, linkerSettings: lld),

        // Tests
        .target(
            name: "TestSupport", dependencies: ["Diagnostics", "Postgres", "PostgresServer"],
            path: "Tests/TestSupport", swiftSettings: strict),
        .target(
            name: "ApiTestSupport",
            dependencies: ["TestSupport", "Postgres", "Bank", "Auth", "Realtime", "Migrations"],
            path: "Tests/ApiTestSupport",
            swiftSettings: strict),
        .executableTarget(
            name: "cluster-owner", dependencies: ["PostgresServer"], path: "Tests/ClusterOwner", swiftSettings: strict,
            linkerSettings: lld),
        .executableTarget(
            name: "automation-firer", dependencies: ["Automation", "Postgres"], path: "Tests/AutomationFirer",
            swiftSettings: strict, linkerSettings: lld),
        tests("DiagnosticsTests", ["Diagnostics", "TestSupport"]),
        tests("PostgresTests", ["Diagnostics", "Postgres", "PostgresServer", "TestSupport"]),
        tests("PostgresServerTests", ["PostgresServer", "Postgres", "TestSupport", "cluster-owner"]),
        tests("MigrationsTests", ["Migrations", "Postgres", "TestSupport"]),
        tests("CryptographyTests", ["Cryptography"]),
        tests("WebTests", ["Web"]),
        tests(
            "AuthTests",
            [
                "Auth", "Tokens", "Cryptography", "Web", "Postgres", "Migrations", "Bank", "Vault", "Gateway",
                "PostgresServer", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests(
            "RestTests",
            [
                "Rest", "Web", "Tokens", "Cryptography", "Postgres", "PostgresServer", "Migrations", "Bank", "Auth",
                "TestSupport", "ApiTestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests("TokensTests", ["Tokens", "Cryptography", "Web"]),
        tests(
            "RealtimeTests",
            [
                "Realtime", "Migrations", "Postgres", "Web", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests("VaultTests", ["Vault", "Cryptography", "Migrations", "Postgres", "PostgresServer", "TestSupport"]),
        tests("EvidenceTests", ["Evidence", "Cryptography", "Migrations", "Postgres", "TestSupport"]),
        tests(
            "BankTests",
            ["Bank", "Vault", "Evidence", "Cryptography", "Migrations", "Postgres", "PostgresServer", "TestSupport"]),
        tests(
            "BankAPITests",
            [
                "BankAPI", "Bank", "Vault", "Evidence", "Fraud", "Cryptography", "Migrations", "Postgres",
                "PostgresServer",
                "Web", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests(
            "SalvageTests",
            ["Salvage", "Cryptography", "Postgres", "PostgresServer", "TestSupport", "CZlib", "CZstd", "CLZ4"],
            settings: crunching),
        tests(
            "DetectionTests",
            [
                "Detection", "Simulator", "Diagnostics", "TestSupport", "CZlib", "Bank", "Evidence", "Migrations",
                "Postgres",
            ], settings: crunching),
        tests("SimulatorTests", ["Simulator", "Bank", "Cryptography", "Postgres", "PostgresServer", "TestSupport"]),
        tests(
            "RecoveryTests",
            [
                "Recovery", "Salvage", "Simulator", "Bank", "Vault", "Evidence", "Cryptography", "Migrations",
                "Postgres",
                "PostgresServer", "TestSupport",
            ]),
        tests(
            "ContinuityTests",
            [
                "Continuity", "Bank", "Vault", "Evidence", "Cryptography", "Migrations", "Postgres", "PostgresServer",
                "Salvage", "TestSupport",
            ], settings: crunching),
        tests(
            "FraudTests",
            [
                "Fraud", "Bank", "Cryptography", "Evidence", "Migrations", "Postgres", "PostgresServer", "TestSupport",
            ], settings: crunching),
        tests(
            "AutomationTests",
            [
                "Automation", "Bank", "Vault", "Auth", "Evidence", "Fraud", "Gateway", "Cryptography", "Migrations",
                "Postgres", "PostgresServer", "Web", "Diagnostics", "TestSupport", "automation-firer",
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOPosix", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
            ]),
        tests(
            "PrivacyTests",
            [
                "Privacy", "Platform", "Gateway", "Recovery", "Simulator", "Bank", "Auth", "Fraud", "Rest", "Realtime",
                "Vault", "Evidence", "Cryptography", "Migrations", "Postgres", "PostgresServer", "TestSupport", "Web",
                "Diagnostics", "Detection", "Monitoring", "Automation", "Console", "Continuity", "Analytics",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ], resources: [.copy("Labelled")]),
        tests(
            "AnalyticsTests",
            [
                "Analytics", "Gateway", "Bank", "Vault", "Auth", "Evidence", "Fraud", "Migrations", "Monitoring",
                "Postgres",
                "PostgresServer", "Web", "Cryptography", "Diagnostics", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests(
            "GatewayTests",
            [
                "Gateway", "Rest", "Auth", "Realtime", "BankAPI", "Bank", "Vault", "Migrations", "Tokens", "Web",
                "Postgres", "PostgresServer", "TestSupport", "ApiTestSupport", "Fraud", "Evidence",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests(
            "MonitoringTests",
            [
                "Monitoring", "Bank", "Fraud", "Auth", "Rest", "Realtime", "Evidence", "Vault", "Migrations",
                "Postgres", "PostgresServer", "TestSupport", "Web", "Automation", "Console", "Detection", "Continuity",
                "Privacy", "Analytics",
            ]),
        tests("ChartsTests", ["Charts"], resources: [.copy("Golden")]),
        tests(
            "ConsoleTests",
            [
                "Console", "Charts", "Web", "Postgres", "PostgresServer",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests("SystemTests", ["TestSupport", "Postgres", "PostgresServer", "Platform"]),
        tests("TidyTests", []),
    ]
)
