internal import Charts
internal import Diagnostics
internal import Foundation
internal import HTTPTypes
public import Postgres
public import Web

/// What the pages share.
struct ConsoleCore: Sendable {
    let settings: ConsoleSettings
    let backend: ConsoleBackend
    let store: ConsoleStore
    let templates: Templates
    let assets: Assets
    let french: Words
    let english: Words
    let sealer: CookieSealer
    let boards = BoardCache()
    var pages: PagesStore { PagesStore(console: store) }
    /// Unix seconds.
    let clock: @Sendable () -> Int64

    func words(_ language: Language) -> Words { language == .fr ? french : english }

    var sessionCookie: String { settings.isSecure ? "__Host-session" : "session" }
}

/// The bank in a browser: pages for clients, analysts and admins. Whatever a page shows or does goes through the bank's API
/// or the database under the role and the claims of whoever is signed in.
public struct ConsoleService: Sendable {
    let core: ConsoleCore

    /// - Parameter database: connects as a role that may become `authenticated`.
    public init(
        settings: ConsoleSettings, backend: ConsoleBackend, database: Database,
        clock: @escaping @Sendable () -> Int64
    ) throws {
        let folder = { (name: String) in try ResourceFolder.find(target: "Console", name: name) }
        core = ConsoleCore(
            settings: settings, backend: backend, store: ConsoleStore(database: database),
            templates: try Templates(folder: folder("Templates")), assets: try Assets(folder: folder("Assets")),
            french: try Words(.fr, folder: folder("Words")), english: try Words(.en, folder: folder("Words")),
            sealer: CookieSealer(key: settings.cookieKey), clock: clock)
    }

    /// The token that a browser's cookies stand for, for its sockets; nil when there is none.
    public func token(cookies: String) -> String? {
        Cookies.value(core.sessionCookie, in: cookies)
            .flatMap { core.sealer.open($0, as: ConsoleSession.purpose) }.flatMap(ConsoleSession.init(text:))
            .flatMap { $0.needsCode ? nil : $0.access }
    }

    /// Answers one request; what is refused is a page too.
    public func handle(_ request: ApiRequest) async -> ApiResponse {
        if request.method == .get, let asset = core.assets.answer(request.path) { return asset }
        let visit = Visit(core: core, request: request)
        return await visit.answer()
    }

    /// All addresses.
    static let routes: [PageRoute] =
        SignInPages.routes + ProviderPages.routes + AlertPages.routes + AccountPages.routes + TransferPages.routes
        + CardPages.routes + SecurityPages.routes
        + FraudPages.routes + BoardPages.routes + RowPages.routes + AdminPages.routes + CommonPages.routes
        + StandingPages.routes
        + ExpensePages.routes + ViewPages.routes + IncidentPages.routes + RightsPages.routes + DataPages.routes
        + AutomationPages.routes + ScenarioPages.routes + DestinationPages.routes + BackupPages.routes
        + MonitoringPages.routes + TablePages.routes
}

/// One request from its cookies to its answer.
struct Visit: Sendable {
    let core: ConsoleCore
    let request: ApiRequest

    /// A token is renewed when it ends within this many seconds.
    static let renewalSeconds: Int64 = 90

    func answer() async -> ApiResponse {
        let cookies = Cookies.header(request.fields)
        var change = SessionChange.keep
        var session = Cookies.value(core.sessionCookie, in: cookies)
            .flatMap { core.sealer.open($0, as: ConsoleSession.purpose) }.flatMap(ConsoleSession.init(text:))
        if let old = session, old.expires - core.clock() < Self.renewalSeconds {
            session = await renewed(old)
            change = session.map { .set($0) } ?? .end
        }
        let person = session.flatMap { core.backend.actor($0.access) }.flatMap(Person.init)
        if session != nil, person == nil {
            session = nil
            change = .end
        }
        let chosen = Cookies.value("lang", in: cookies).flatMap(Language.init)
        let theme = Cookies.value("theme", in: cookies).flatMap { ["light", "dark"].contains($0) ? $0 : nil } ?? "auto"
        var call = PageCall(
            console: core, request: request, session: session, person: person,
            language: chosen ?? person?.language ?? .fr, theme: theme,
            query: QueryItems.parse(request.query) ?? [],
            form: request.method == .post ? QueryItems.parse(String(decoding: request.body, as: UTF8.self)) ?? [] : [])
        var response = await respond(&call, &change)
        let page = PageWriter(call: call)
        page.secure(&response)
        page.write(change, to: &response)
        return response
    }

    private func respond(_ call: inout PageCall, _ change: inout SessionChange) async -> ApiResponse {
        let page = PageWriter(call: call)
        do {
            let route = try find(&call)
            try guardForm(call)
            try route.check(call.query)
            if let elsewhere = gate(route, call) { return PageWriter.redirect(elsewhere) }
            let writer = PageWriter(call: call)
            switch try await route.run(call) {
            case .page(let view, let status): return try writer.response(view, status: status)
            case .see(let address, let session):
                if case .keep = session {} else { change = session }
                return PageWriter.redirect(address)
            case .enter(let address, let session):
                change = .set(session)
                return try writer.enter(address)
            case .file(let response): return response
            }
        } catch let refused as Refused {
            if refused.status == 401, call.session != nil {
                change = .end
                return PageWriter.redirect("/connexion?fin=1")
            }
            return page.error(refused)
        } catch let error as PostgresError where error.sqlState == "42501" {
            return page.error(.notYours)
        } catch {
            core.backend.tools.report(request.id, request.path, error)
            return page.error(Refused(503, "console_unavailable", "the bank can not answer now"))
        }
    }

    private func find(_ call: inout PageCall) throws -> PageRoute {
        let parts = request.path.split(separator: "/").map { QueryItems.decodePath($0) ?? "" }
        let method: HTTPRequest.Method = request.method == .head ? .get : request.method
        let here = ConsoleService.routes.compactMap { route in route.match(parts).map { (route, $0) } }
        guard let found = here.filter({ $0.0.method == method }).min(by: { $0.1.count < $1.1.count }) else {
            throw here.isEmpty ? Refused.notFound : Refused(405, "method_not_allowed", "this address is not for that")
        }
        call.values = found.1
        return found.0
    }

    /// Forms are taken from our own pages only: the browser says where they come from, and they bring the session's key.
    private func guardForm(_ call: PageCall) throws {
        guard request.method == .post else { return }
        let isOwn: Bool
        if let site = HTTPField.Name("Sec-Fetch-Site").flatMap({ request.fields[$0] }) {
            isOwn = site == "same-origin"
        } else if let origin = request.fields[.origin] {
            let host = request.fields[HTTPField.Name("Host") ?? .via]
            isOwn = host.map { origin.hasSuffix("://" + $0) } ?? true
        } else {
            isOwn = call.session != nil
        }
        let hasKey = call.session.map { $0.formKey == call.sent("form_key") } ?? true
        guard isOwn, hasKey else {
            throw Refused(403, "form_foreign", "this form does not come from this page, or is too old")
        }
    }

    /// Where whoever may not see this is sent to; a role that may not is refused by `run` of the error page.
    private func gate(_ route: PageRoute, _ call: PageCall) -> String? {
        guard !route.roles.isEmpty else { return nil }
        guard let person = call.person, let session = call.session else {
            return "/connexion" + (request.path == "/" ? "" : "?suite=" + PercentEncoding.encode(request.path))
        }
        if session.needsCode { return "/connexion/code" }
        return route.roles.contains(person.role) ? nil : "/refus"
    }

    private func renewed(_ old: ConsoleSession) async -> ConsoleSession? {
        let body: JSON = ["refresh_token": .string(old.refresh)]
        let response = await core.backend.send(
            ApiRequest(
                method: .post, path: "/auth/v1/token", query: "grant_type=refresh_token",
                fields: [.contentType: "application/json"], body: Array(body.text.utf8),
                remoteAddress: request.remoteAddress, id: request.id))
        guard response.status == .ok, let answer = try? JSONReader.read(response.body),
            var session = try? ConsoleSession(answer: answer, formKey: old.formKey)
        else { return nil }
        session.needsCode = old.needsCode
        return session
    }
}
