internal import HTTPTypes
internal import Postgres
internal import Web

/// `/admin` and `/invite`: what the holder of the service key may do.
struct AdminEndpoints: Sendable {
    let core: AuthCore
    let sender: CodeSender

    static let pageSizeMax = 1000

    func answer(_ parts: [String], _ call: Call) async throws -> ApiResponse {
        try core.requireAdmin(call)
        if parts == ["invite"] { return try await LinkEndpoints(core: core, sender: sender).invite(call) }
        switch (call.request.method, parts.count > 1 ? parts[1] : "", parts.count) {
        case (.post, "generate_link", 2): return try await LinkEndpoints(core: core, sender: sender).generate(call)
        case (.get, "users", 2): return try await list(call)
        case (.post, "users", 2): return try await create(call)
        case (.get, "users", 3): return Reply.json(try await user(parts[2]).document)
        case (.put, "users", 3): return try await update(try await user(parts[2]), call)
        case (.delete, "users", 3): return try await delete(try await user(parts[2]), call)
        case (.get, "users", 4) where parts[3] == "factors":
            let documents = try await FactorStore(database: core.database).documents(of: user(parts[2]).id)
            return Reply.json("[\(documents.joined(separator: ","))]")
        case (.delete, "users", 5) where parts[3] == "factors":
            return try await deleteFactor(try Call.id(parts[4]), of: try await user(parts[2]), call)
        case (.get, "audit", 2): return try await audit(call)
        default: throw Router.notFound
        }
    }

    private func user(_ id: String) async throws -> User {
        let id = try Call.id(id)
        guard let user = try await UserStore(database: core.database).find(id: id) else { throw AuthError.userNotFound }
        return user
    }

    // MARK: Lists

    private func page(_ call: Call) throws(AuthError) -> (number: Int, size: Int) {
        func number(_ name: String, _ standard: Int) throws(AuthError) -> Int {
            guard let text = call.query[name], !text.isEmpty else { return standard }
            guard let value = Int32(text), value >= 0 else { throw .validation("Bad Pagination Parameters: \(name)") }
            return max(1, Int(value))
        }
        return (try number("page", 1), min(try number("per_page", 50), Self.pageSizeMax))
    }

    private func list(_ call: Call) async throws -> ApiResponse {
        let (number, size) = try page(call)
        let users = UserStore(database: core.database)
        let documents = try await users.documents(offset: (number - 1) * size, limit: size)
        let count = try await users.count()
        var response = Reply.json(#"{"users":[\#(documents.joined(separator: ","))],"aud":"authenticated"}"#)
        response.fields[.totalCount] = String(count)
        let last = max(1, (count + size - 1) / size)
        let base = core.settings.externalURL + "/admin/users?per_page=\(size)&page="
        var links = ["<\(base)\(last)>; rel=\"last\""]
        if number < last { links.insert("<\(base)\(number + 1)>; rel=\"next\"", at: 0) }
        response.fields[.link] = links.joined(separator: ", ")
        return response
    }

    private func audit(_ call: Call) async throws -> ApiResponse {
        let (number, size) = try page(call)
        let query = call.query["query"] ?? ""
        func value(_ name: String) -> String? {
            query.hasPrefix(name + ":") ? String(query.dropFirst(name.count + 1)) : nil
        }
        let entries = try await ServiceStore(database: core.database).audit(
            author: value("author"), action: value("action"), offset: (number - 1) * size, limit: size)
        return Reply.json("[\(entries.joined(separator: ","))]")
    }

    // MARK: Changes

    private func create(_ call: Call) async throws -> ApiResponse {
        let changes = try UserChanges(call)
        guard changes.email != nil else {
            throw AuthError.validation("Cannot create a user without either an email or phone")
        }
        let hash = try await changes.hash(by: core)
        let id = try call.text("id").map { text throws(AuthError) in try Call.id(text) }
        let new = NewUser(
            id: id, email: changes.email, passwordHash: hash, isConfirmed: changes.isEmailConfirmed ?? false,
            role: changes.role, appMetadata: changes.appMetadata ?? [:], userMetadata: changes.userMetadata ?? [:])
        return Reply.json(
            try await core.database.transaction { tx in
                let users = UserStore(database: tx)
                guard let user = try await users.add(new) else { throw AuthError.emailExists }
                if let ban = changes.ban { try await users.ban(user.id, seconds: ban.seconds) }
                try await core.record(.userSignedUp, user, call, in: tx, details: [.init("by", "admin")])
                return try await users.find(id: user.id)?.document ?? user.document
            })
    }

    private func update(_ user: User, _ call: Call) async throws -> ApiResponse {
        let changes = try UserChanges(call)
        let hash = try await changes.hash(by: core)
        let (document, ended) = try await core.database.transaction { tx -> (String, [String]) in
            let users = UserStore(database: tx)
            guard let before = try await users.lock(id: user.id) else { throw AuthError.userNotFound }
            let sessions = SessionStore(database: tx)
            let open = try await sessions.all(of: user.id)
            var isCut = false
            if let role = changes.role { try await users.setRole(role, of: user.id) }
            if let hash {
                try await users.setPassword(hash, of: user.id)
                isCut = true
            }
            if let email = changes.email, email != user.email {
                if let other = try await users.find(email: email), other.id != user.id { throw AuthError.emailExists }
                let isConfirmed = changes.isEmailConfirmed ?? user.isConfirmed
                try await users.setEmail(email, isConfirmed: isConfirmed, of: user.id)
                try await IdentityStore(database: tx).setEmail(email, isVerified: isConfirmed, of: user.id)
            } else if changes.isEmailConfirmed == true, let email = user.email {
                _ = try await users.confirm(user.id)
                try await IdentityStore(database: tx).setEmail(email, isVerified: true, of: user.id)
            }
            let rights = try await users.find(id: user.id)?.appMetadata
            try await users.mergeMetadata(app: changes.appMetadata, user: changes.userMetadata, of: user.id)
            // Tokens say what their owner was: with other rights none of the old ones holds.
            if let after = try await users.find(id: user.id) {
                isCut = isCut || after.role != before.role || after.appMetadata != rights
            }
            if let ban = changes.ban {
                try await users.ban(user.id, seconds: ban.seconds)
                isCut = isCut || ban.seconds != nil
            }
            try await core.record(.userModified, user, call, in: tx, details: [.init("by", "admin")])
            if isCut { try await sessions.endAll(of: user.id) }
            return (try await users.find(id: user.id)?.document ?? user.document, isCut ? open : [])
        }
        core.revoke(ended)
        return Reply.json(document)
    }

    private func delete(_ user: User, _ call: Call) async throws -> ApiResponse {
        let isSoft = try call.flag("should_soft_delete") ?? false
        let ended = try await core.database.transaction { tx in
            let users = UserStore(database: tx)
            let ended = try await SessionStore(database: tx).endAll(of: user.id)
            let isGone = isSoft ? try await users.forget(user.id) : try await users.delete(user.id)
            guard isGone else { throw AuthError.userNotFound }
            try await core.record(.userDeleted, user, call, in: tx, details: [.init("soft", .bool(isSoft))])
            return ended
        }
        core.revoke(ended)
        return Reply.empty
    }

    private func deleteFactor(_ id: String, of user: User, _ call: Call) async throws -> ApiResponse {
        let ended = try await core.database.transaction { tx in
            guard try await FactorStore(database: tx).remove(id, of: user.id) else { throw AuthError.factorNotFound }
            try await core.record(.factorDeleted, user, call, in: tx, details: [.init("factor_id", .string(id))])
            return try await SessionStore(database: tx).endAll(of: user.id)
        }
        core.revoke(ended)
        return Reply.json(["id": .string(id)])
    }
}
