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
            targets: ["Diagnostics", "Postgres", "PostgresServer", "Migrations", "Bank", "Salvage"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        // C libraries, Debian packages
        .systemLibrary(name: "CLibpq", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
        .systemLibrary(name: "CZstd", pkgConfig: "libzstd", providers: [.apt(["libzstd-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CArgon2", pkgConfig: "libargon2", providers: [.apt(["libargon2-dev"])]),
        .systemLibrary(name: "CLibCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // The C library's own, which Swift's Glibc module hides
        .systemLibrary(name: "CSpawn"),
        .systemLibrary(name: "CCrypt"),

        // Foundations
        module("Diagnostics", []),
        module("Postgres", ["Diagnostics", "CLibpq"]),
        module("PostgresServer", ["Diagnostics", "Postgres", "CSpawn"]),
        module("Migrations", ["Diagnostics", "Postgres"]),
        module("Crypto", ["Diagnostics", "CLibCrypto"]),
        module(
            "Vault", ["Diagnostics", "Crypto", "Postgres", "Migrations", "CZlib", "CSpawn"],
            resources: [.copy("Migrations")]),
        module(
            "Evidence", ["Diagnostics", "Crypto", "Postgres", "Migrations"], resources: [.copy("Migrations")]),
        module("Salvage", ["Diagnostics", "Crypto", "CZlib", "CZstd", "CLZ4"], settings: crunching),

        module("Web", [.product(name: "HTTPTypes", package: "swift-http-types")]),

        module("Tokens", ["Diagnostics", "Crypto", "Web"]),

        // The bank
        module("Bank", ["Diagnostics", "Crypto", "Postgres", "Migrations", "Vault"], resources: [.copy("Migrations")]),
        module(
            "Simulator", ["Diagnostics", "Postgres", "PostgresServer", "Bank", "Crypto", "CZlib"],
            resources: [.copy("Legacy")], settings: crunching),

        // Capabilities
        module(
            "Recovery",
            [
                "Diagnostics", "Crypto", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "Salvage",
                .product(name: "Yams", package: "Yams"),
            ],
            resources: [.copy("Migrations"), .copy("Mappings")], settings: crunching),

        module(
            "Auth",
            [
                "Diagnostics", "Crypto", "Tokens", "Web", "Postgres", "Migrations", "CArgon2", "CCrypt",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ], resources: [.copy("Migrations")]),

        // Composition, faces, executable
        module(
            "Platform",
            [
                "Diagnostics", "Crypto", "Postgres", "PostgresServer", "Migrations", "Vault", "Evidence", "Bank",
                "Simulator", "Recovery",
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
        .executableTarget(
            name: "cluster-owner", dependencies: ["PostgresServer"], path: "Tests/ClusterOwner", swiftSettings: strict,
            linkerSettings: lld),
        tests("DiagnosticsTests", ["Diagnostics", "TestSupport"]),
        tests("PostgresTests", ["Diagnostics", "Postgres", "PostgresServer", "TestSupport"]),
        tests("PostgresServerTests", ["PostgresServer", "Postgres", "TestSupport", "cluster-owner"]),
        tests("MigrationsTests", ["Migrations", "Postgres", "TestSupport"]),
        tests("CryptoTests", ["Crypto"]),
        tests("WebTests", ["Web"]),
        tests("TokensTests", ["Tokens", "Crypto", "Web"]),
        tests(
            "AuthTests",
            [
                "Auth", "Tokens", "Crypto", "Web", "Postgres", "Migrations", "Bank", "Vault", "TestSupport",
                .product(name: "HTTPTypes", package: "swift-http-types"),
            ]),
        tests("VaultTests", ["Vault", "Crypto", "Migrations", "Postgres", "PostgresServer", "TestSupport"]),
        tests("EvidenceTests", ["Evidence", "Crypto", "Migrations", "Postgres", "TestSupport"]),
        tests(
            "BankTests", ["Bank", "Vault", "Crypto", "Migrations", "Postgres", "PostgresServer", "TestSupport"]),
        tests(
            "SalvageTests", ["Salvage", "Postgres", "PostgresServer", "TestSupport", "CZlib", "CZstd", "CLZ4"],
            settings: crunching),
        tests("SimulatorTests", ["Simulator", "Bank", "Crypto", "Postgres", "PostgresServer", "TestSupport"]),
        tests(
            "RecoveryTests",
            [
                "Recovery", "Salvage", "Simulator", "Bank", "Vault", "Evidence", "Crypto", "Migrations", "Postgres",
                "PostgresServer", "TestSupport",
            ]),
        tests("SystemTests", ["TestSupport", "Postgres", "PostgresServer"]),
        tests("TidyTests", []),
    ]
)
