internal import Charts
internal import HTTPTypes
internal import Web

/// Turns a page's view into the answer that a browser gets.
struct PageWriter {
    let call: PageCall

    /// Nothing inline, nothing from elsewhere, no frames.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        + "font-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

    func response(_ page: PageView, status: Int = 200) throws -> ApiResponse {
        var view = Templates.prepared(page.view)
        for (name, value) in try frame(page) where view[name] == nil { view[name] = value }
        view["content"] = try call.console.templates.render(page.template, view)
        let text = try call.console.templates.render("layout", view)
        return ApiResponse(
            status: .init(code: status), fields: [.contentType: MediaType.html, .cacheControl: "no-store"],
            body: Array(text.utf8))
    }

    /// What every page has around it.
    private func frame(_ page: PageView) throws -> View {
        let words = call.words
        var view: View = [
            "t": words.nested, "lang": call.language.rawValue, "theme": call.theme,
            "is_dark": call.theme == "dark", "is_light": call.theme == "light", "is_auto": call.theme == "auto",
            "title": page.title, "bank": call.console.settings.bankName,
            "assets": "/assets/\(call.console.assets.version)", "path": call.request.path,
            "other_lang": call.language == .fr ? "en" : "fr",
            "other_lang_name": call.language == .fr ? "English" : "Français",
            "request_id": call.request.id, "form_key": call.session?.formKey ?? "",
            "watches": page.watches.joined(separator: " "),
            "now_words": call.dates.moment(Moment(seconds: call.now)), "now": String(call.now),
        ]
        if let seconds = page.pollSeconds { view["poll"] = String(seconds) }
        view["is_live"] = !page.watches.isEmpty || page.pollSeconds != nil
        if let done = call.asked("fait"), let said = words.known("done." + done) { view["done"] = said }
        if let person = call.person, call.session?.needsCode == false {
            view["person"] =
                [
                    "email": person.email, "role": words("role.\(person.role.rawValue)"),
                    "initial": String(person.email.prefix(1)).uppercased(), "is_strong": person.isStrong,
                ] as View
            view["nav"] = Navigation.entries(person.role).map { entry -> View in
                Templates.prepared([
                    "href": entry.path, "label": words("nav.\(entry.name)"), "icon": entry.icon, "key": entry.key,
                    "is_current": entry.name == page.section, "is_main": entry.isMain,
                    "group": entry.group.map { words("group.\($0)") } ?? "",
                ])
            }
            view["more"] = Navigation.entries(person.role).filter { !$0.isMain }.map { entry -> View in
                ["href": entry.path, "label": words("nav.\(entry.name)"), "is_current": entry.name == page.section]
            }
            if let action = Navigation.search(person.role) { view["searches"] = ["action": action] as View }
        }
        return view
    }

    func error(_ refused: Refused) -> ApiResponse {
        let wantsHTML = call.request.fields[.accept].map { $0.contains("text/html") || $0.contains("*/*") } ?? false
        let isPage = call.request.fields[.accept]?.contains("text/html") ?? false
        guard wantsHTML, isPage else {
            let body: JSON = [
                "code": .string(refused.code), "message": .string(refused.message), "details": .null,
                "hint": .string(refused.hint),
            ]
            return .json(body.text, status: .init(code: refused.status))
        }
        let words = call.words
        let said = words.known("problem." + refused.code)
        let view: View = [
            "code": refused.code, "message": said ?? refused.message, "status": String(refused.status),
            "hint": said == nil ? refused.hint : "",
            "heading": words.known("problem.title_\(refused.status)") ?? words("problem.title"),
        ]
        let page = PageView("error", title: words("problem.title"), view)
        return (try? response(page, status: refused.status))
            ?? ApiResponse(
                status: .internalServerError, fields: [.contentType: "text/plain"], body: Array("error".utf8))
    }

    /// Leads on to a page of the console from a page of the console.
    func enter(_ address: String) throws -> ApiResponse {
        let next = Self.redirect(address).fields[.location] ?? "/"
        let view: View = ["next": next, "is_bare": true]
        var response = try response(PageView("entered", title: call.words("signin.entered"), view))
        set("Refresh", "0; url=\(next)", &response)
        return response
    }

    static func redirect(_ address: String) -> ApiResponse {
        // Only within the console: an address from a form leads nowhere else.
        let isOwn = address.hasPrefix("/") && !address.hasPrefix("//") && !address.contains("\\")
        return ApiResponse(
            status: .seeOther, fields: [.location: isOwn ? address : "/", .cacheControl: "no-store"])
    }

    func secure(_ response: inout ApiResponse) {
        response.fields[.contentSecurityPolicy] = Self.policy
        set("Referrer-Policy", "same-origin", &response)
        set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()", &response)
        set("Cross-Origin-Opener-Policy", "same-origin", &response)
        set("Cross-Origin-Resource-Policy", "same-origin", &response)
        if call.console.settings.isSecure {
            response.fields[.strictTransportSecurity] = "max-age=31536000"
        }
    }

    private func set(_ name: String, _ value: String, _ response: inout ApiResponse) {
        if let name = HTTPField.Name(name) { response.fields[name] = value }
    }

    func write(_ change: SessionChange, to response: inout ApiResponse) {
        let core = call.console
        let secure = core.settings.isSecure ? "; Secure" : ""
        let rest = "; Path=/; HttpOnly; SameSite=Strict" + secure
        switch change {
        case .keep: return
        case .set(let session):
            guard let sealed = try? core.sealer.seal(session.text, as: ConsoleSession.purpose) else { return }
            response.fields.append(HTTPField(name: .setCookie, value: "\(core.sessionCookie)=\(sealed)\(rest)"))
        case .end:
            response.fields.append(HTTPField(name: .setCookie, value: "\(core.sessionCookie)=; Max-Age=0\(rest)"))
        }
    }
}

/// What each role's pages are.
enum Navigation {
    struct Entry {
        let name: String
        let path: String
        let icon: String
        /// Behind `g`.
        let key: String
        var isMain = true
        /// Above it in the side: a word of `group`.
        var group: String?
    }

    static func entries(_ role: Person.Role) -> [Entry] {
        switch role {
        case .client:
            [
                Entry(name: "accounts", path: "/", icon: "wallet", key: "a"),
                Entry(name: "transfer", path: "/virements", icon: "send", key: "v"),
                Entry(name: "standing", path: "/permanents", icon: "loop", key: "p", isMain: false),
                Entry(name: "expenses", path: "/depenses", icon: "pie", key: "e"),
                Entry(name: "cards", path: "/cartes", icon: "card", key: "c"),
                Entry(name: "alerts", path: "/alertes", icon: "alert", key: "l", isMain: false),
                Entry(name: "security", path: "/securite", icon: "shield", key: "s", group: "protect"),
                Entry(name: "rights", path: "/droits", icon: "person", key: "d", isMain: false),
            ]
        case .analyst:
            [
                Entry(name: "queue", path: "/", icon: "inbox", key: "f"),
                Entry(name: "incidents", path: "/incidents", icon: "alert", key: "i"),
                Entry(name: "boards", path: "/tableaux", icon: "chart", key: "t", group: "figures"),
                Entry(name: "views", path: "/vues", icon: "star", key: "v", isMain: false),
                Entry(name: "monitor", path: "/supervision", icon: "screen", key: "o"),
                Entry(name: "automations", path: "/automatisations", icon: "flow", key: "a", isMain: false),
                Entry(name: "security", path: "/securite", icon: "shield", key: "s", group: "protect"),
            ]
        case .admin:
            [
                Entry(name: "state", path: "/", icon: "pulse", key: "e"),
                Entry(name: "queue", path: "/fraude", icon: "inbox", key: "f"),
                Entry(name: "incidents", path: "/incidents", icon: "alert", key: "i"),
                Entry(name: "boards", path: "/tableaux", icon: "chart", key: "t", group: "figures"),
                Entry(name: "monitor", path: "/supervision", icon: "screen", key: "o", isMain: false),
                Entry(name: "backups", path: "/sauvegardes", icon: "vault", key: "b", group: "continuity"),
                Entry(name: "recovery", path: "/reprise", icon: "restore", key: "r", isMain: false),
                Entry(name: "automations", path: "/automatisations", icon: "flow", key: "a", isMain: false),
                Entry(name: "data", path: "/donnees", icon: "person", key: "d", isMain: false, group: "people"),
                Entry(name: "users", path: "/utilisateurs", icon: "people", key: "u", isMain: false),
                Entry(name: "reveals", path: "/revelations", icon: "eye", key: "l", isMain: false),
                Entry(name: "journal", path: "/journal", icon: "book", key: "j", isMain: false),
                Entry(name: "security", path: "/securite", icon: "shield", key: "s", isMain: false),
            ]
        }
    }

    static func search(_ role: Person.Role) -> String? {
        switch role {
        case .client: "/recherche"
        case .analyst: nil
        case .admin: "/utilisateurs"
        }
    }
}
