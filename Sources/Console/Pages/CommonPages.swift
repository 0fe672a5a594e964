internal import HTTPTypes
internal import Web

/// What everybody has: language, colours, help, accessibility.
enum CommonPages {
    static let routes: [PageRoute] = [
        PageRoute(.post, "/preferences", [], prefer),
        PageRoute(.get, "/aide", []) { call in
            .page(PageView("help", title: call.words("help.title"), ["is_bare": call.person == nil]))
        },
        PageRoute(.get, "/accessibilite", []) { call in
            .page(PageView("accessibility", title: call.words("a11y.title"), ["is_bare": call.person == nil]))
        },
        PageRoute(.get, "/refus", []) { _ in throw Refused.notYours },
        PageRoute(.get, "/favicon.ico", []) { call in
            guard let icon = call.console.assets.answer("/assets/-/icon.svg") else { throw Refused.notFound }
            return .file(icon)
        },
    ]

    /// Kept by the browser, and the language by the account too.
    @Sendable private static func prefer(_ call: PageCall) async throws -> PageAnswer {
        let back = call.sent("back")
        let place = back.hasPrefix("/") && !back.hasPrefix("//") && !back.contains("\\") ? back : "/"
        var response = PageWriter.redirect(place)
        let rest =
            "; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax" + (call.console.settings.isSecure ? "; Secure" : "")
        if ["fr", "en"].contains(call.sent("lang")) {
            response.fields.append(HTTPField(name: .setCookie, value: "lang=\(call.sent("lang"))\(rest)"))
            if call.person != nil {
                // A choice that is not kept changes nothing: the cookie has it.
                _ = await call.raw(.put, "/auth/v1/user", body: ["data": ["lang": .string(call.sent("lang"))]])
            }
        }
        if ["auto", "light", "dark"].contains(call.sent("theme")) {
            response.fields.append(HTTPField(name: .setCookie, value: "theme=\(call.sent("theme"))\(rest)"))
        }
        return .file(response)
    }
}
