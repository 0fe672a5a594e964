internal import Analytics
internal import Automation
internal import BankAPI
internal import Detection
internal import Foundation
internal import Fraud
internal import Gateway
internal import Postgres
internal import Privacy
internal import Rest
internal import Web

/// The capabilities that a bank which is served has besides its API: each opened with its own pool, each with its addresses and
/// its work.
struct ServeParts: Sendable {
    let fraud: FraudDeskService
    let detection: DetectionDeskService
    let automation: AutomationPart
    /// Nil on a server where no role can be made for those who read them.
    let figures: BIService?
    let privacy: PrivacyDesk

    static func open(_ request: ServeRequest, _ databases: ServeDatabases) async throws -> ServeParts {
        let data = DataDirectory(request.dataDirectory)
        let figures =
            try await ApiRolesStore.mayReadFigures(databases.judging)
            ? try await BIService.open(
                databases.judging.configuration, address: request.address(port: request.port)) : nil
        let reports = data.path + "/reports"
        let fraud = try await FraudDeskService.open(
            databases.judging, data: data, retrainingDays: request.fraudRetrainingDays,
            places: try request.places.map { try GeoDatabase(path: $0) })
        // The desk judges what the bank's operations order; nothing may lead around them.
        try await OrderGuardStore(database: databases.judging).screenOrders()
        return ServeParts(
            fraud: fraud,
            detection: try await .open(databases.rights, request),
            automation: try await .open(
                databases.automation, data: data, settings: ServeService.automationSettings(request),
                functions: AutomationService.functions(figures, reports: reports)),
            figures: figures,
            // The last: it labels the columns of all the others.
            privacy: try await PrivacyDeskService.open(databases.rights, keys: databases.catalog, data: data))
    }

    /// What each order passes before it is executed.
    var screen: PaymentScreen { detection.guarding(fraud.screen) }

    /// The table API, with reads of personal data noted, those within a batch too.
    func noting(_ rest: RestService, _ gate: ApiGate) -> Mount {
        let reads = privacy.tableReads
        reads.explain { path, select, schema, actor in
            rest.shown(path: path, select: select, schema: schema, actor: actor)?.map {
                TableReads.Shown(relation: $0.relation, columns: $0.columns)
            }
        }
        @Sendable func note(_ answer: NotedAnswer) {
            reads.note(answer.request, answer.actor, range: answer.range, schema: answer.schema)
        }
        var told = rest
        told.onPart = { request, actor, response in
            if let answer = NotedAnswer(request, actor, response) { note(answer) }
        }
        return gate.mount(told).noting(note)
    }

    /// The desks of the bank, of fraud and of detection: whose data they showed an employee is noted, person by person.
    func notingPersons(_ mounts: [Mount]) -> [Mount] {
        let reads = privacy.tableReads
        return mounts.map { mount in
            mount.noting { answer in
                guard let shown = ShownPerson(path: answer.request.path) else { return }
                reads.note(answer.actor, shown: shown.relation, by: shown.column, shown.key)
            }
        }
    }

    var mounts: [Mount] {
        notingPersons(FraudRoutes(desk: fraud.desk) { Int64(Date().timeIntervalSince1970 * 1_000_000) }.mounts)
            + notingPersons(DetectionRoutes(desk: detection.desk).mounts) + automation.routes.mounts
            + PrivacyRoutes(desk: privacy).mounts + (figures?.mounts ?? [])
    }

    var work: [@Sendable () async throws -> Void] {
        [
            { try await fraud.run() }, { try await detection.run() }, { try await automation.engine.run() },
            { try await privacy.reads.run() }, { try await privacy.tableReads.run() },
            { try await privacy.watchDetection() },
        ] + (figures.map { figures in [{ try await figures.run() }] } ?? [])
    }
}
