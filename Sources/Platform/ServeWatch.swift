internal import Detection
internal import Foundation
internal import Gateway
internal import Monitoring
internal import Postgres
internal import Realtime
internal import Rest
internal import Tokens

/// The figures of a serving process: its pools, its caches, Realtime, and what the database's schemas show.
struct ServeWatch: Sendable {
    let databases: ServeDatabases
    let rest: RestService
    let verifier: TokenVerifier
    let hub: RealtimeHub
    let version: String
    let guardWatch: GuardWatch?
    private let indicators: IndicatorReader

    init(
        databases: ServeDatabases, rest: RestService, verifier: TokenVerifier, hub: RealtimeHub, version: String,
        guardWatch: GuardWatch?
    ) {
        self.databases = databases
        self.rest = rest
        self.verifier = verifier
        self.hub = hub
        self.version = version
        self.guardWatch = guardWatch
        indicators = IndicatorReader(database: databases.watching) { Int64(Date().timeIntervalSince1970) }
    }

    func run() async throws { try await indicators.run() }

    func readings() async -> [Reading] {
        [
            Reading(
                "digitalbank_build_info", .gauge, Int64(1), labels: [.init("version", version)],
                help: "1; the version is its label.")
        ] + (await pools()) + caches() + guarded() + (await hub.readings()) + indicators.readings
    }

    private func pools() async -> [Reading] {
        var readings: [Reading] = []
        let pools = [
            ("api", databases.api), ("catalog", databases.catalog), ("auth", databases.auth), ("feed", databases.feed),
            ("fraud", databases.judging),
        ]
        for (name, database) in pools {
            let figures = await database.figures()
            let labels = [Reading.Label("pool", name)]
            readings += [
                Reading(
                    "digitalbank_db_connections", .gauge, Int64(figures.shared + figures.lent), labels: labels,
                    help: "Open connections of a pool."),
                Reading(
                    "digitalbank_db_connections_max", .gauge, Int64(database.configuration.limits.connectionsMax),
                    labels: labels, help: "Connections that a pool may open."),
                Reading(
                    "digitalbank_db_connections_lent", .gauge, Int64(figures.lent), labels: labels,
                    help: "Connections of a pool that a transaction has for itself."),
                Reading(
                    "digitalbank_db_pipeline_depth", .gauge, Int64(figures.inFlight), labels: labels,
                    help: "Statements that were sent and are not answered yet."),
                Reading(
                    "digitalbank_db_waiting", .gauge, Int64(figures.waiting), labels: labels,
                    help: "Requests that wait for room on a connection."),
            ]
        }
        return readings
    }

    private func guarded() -> [Reading] {
        guard let guardWatch else { return [] }
        return [
            Reading(
                "digitalbank_guard_notes_lost_total", .counter, Double(guardWatch.dropped),
                help:
                    "Attacks seen at the gateway that came too fast to be looked at; each was refused or noted all the same."
            )
        ]
    }

    private func caches() -> [Reading] {
        let tokens = verifier.cacheFigures
        return [
            Reading(
                "digitalbank_cache_hits_total", .counter, Double(tokens.hits), labels: [.init("cache", "tokens")],
                help: "Look-ups that a cache answered."),
            Reading(
                "digitalbank_cache_misses_total", .counter, Double(tokens.misses), labels: [.init("cache", "tokens")],
                help: "Look-ups that a cache had no answer to."),
            Reading(
                "digitalbank_cache_entries", .gauge, Int64(verifier.cachedCount), labels: [.init("cache", "tokens")],
                help: "Entries of a cache."),
            Reading(
                "digitalbank_cache_entries", .gauge, Int64(rest.templateCount), labels: [.init("cache", "reads")],
                help: "Entries of a cache."),
        ]
    }
}
