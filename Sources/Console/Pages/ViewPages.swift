internal import Charts
internal import Foundation
internal import HTTPTypes
internal import Web

/// Views that somebody keeps: an address of the console with its filters, under a name.
enum ViewPages {
    private static let desk: Set<Person.Role> = [.analyst, .admin]

    static let routes: [PageRoute] = [
        PageRoute(.get, "/vues", desk, list),
        PageRoute(.post, "/vues", desk, keep),
        PageRoute(.post, "/vues/:id/retirer", desk) { call in
            guard let person = call.person, let id = call.values["id"], UUID(uuidString: id) != nil else {
                throw Refused.notFound
            }
            try await call.console.pages.removeView(id, as: person.actor)
            return .see("/vues?fait=vue_retiree")
        },
    ]

    /// Only a page of the console, and one that whoever keeps it may see.
    static func isPage(_ address: String, for role: Person.Role) -> Bool {
        let path = address.split(separator: "?", maxSplits: 1).first.map(String.init) ?? ""
        guard address.count <= 300, address.hasPrefix("/"), !address.hasPrefix("//"),
            address.utf8.allSatisfy({ $0 > 32 && $0 < 127 && $0 != 92 && $0 != 34 && $0 != 60 && $0 != 62 })
        else { return false }
        let parts = path.split(separator: "/").map(String.init)
        return ConsoleService.routes.contains { route in
            route.method == .get && route.roles.contains(role) && !parts.isEmpty && route.match(parts) != nil
        }
    }

    /// What a page needs to offer the caller's views, and to keep the one that is shown.
    static func offer(_ call: PageCall) async throws -> View {
        guard let person = call.person else { return [:] }
        let views = try await call.console.pages.views(as: person.actor)
        let query = call.query.filter { $0.name != "fait" && !$0.value.isEmpty }
            .map { "\($0.name)=\(PercentEncoding.encode($0.value))" }.joined(separator: "&")
        let here = call.request.path + (query.isEmpty ? "" : "?" + query)
        return [
            "here": here, "has_views": !views.isEmpty,
            "views": views.map { view -> View in
                let address = view["adresse"]?.string ?? "/"
                return [
                    "id": view["id"]?.string ?? "", "name": view["nom"]?.string ?? "", "address": address,
                    "is_here": address == here, "at": call.dates.moment(view["cree_le"]?.string ?? ""),
                ]
            },
        ]
    }

    @Sendable private static func list(_ call: PageCall) async throws -> PageAnswer {
        .page(PageView("views", title: call.words("views.title"), section: "boards", try await offer(call)))
    }

    @Sendable private static func keep(_ call: PageCall) async throws -> PageAnswer {
        guard let person = call.person else { throw Refused.notYours }
        let (name, address) = (call.sent("name"), call.sent("address"))
        guard (1...60).contains(name.count), isPage(address, for: person.role) else {
            throw Refused(400, "view_invalid", "a view has a name of 60 letters at most and an address of the console")
        }
        let views = try await call.console.pages.views(as: person.actor)
        guard views.count < PagesStore.viewsMax || views.contains(where: { $0["nom"]?.string == name }) else {
            throw Refused(409, "too_many_kept", "a person keeps \(PagesStore.viewsMax) views at most")
        }
        try await call.console.pages.keepView(name, address, as: person.actor)
        return .see(address + (address.contains("?") ? "&" : "?") + "fait=vue")
    }
}
