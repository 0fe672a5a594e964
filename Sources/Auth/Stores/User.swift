internal import Postgres
internal import Web

/// A row of the view `auth.accounts`.
struct User: RowDecodable {
    let id: String
    let audience: String
    let role: String
    let email: String?
    let passwordHash: String?
    let emailChange: String?
    let isConfirmed: Bool
    let isBanned: Bool
    let isAnonymous: Bool
    let isDeleted: Bool
    let hasFactor: Bool
    let appMetadata: String
    let userMetadata: String
    /// What clients see, as JSON text.
    let document: String

    init(row: Row) throws {
        id = try row.decode("id")
        audience = try row.decode("aud")
        role = try row.decode("role")
        email = try row.decodeIfPresent("email")
        passwordHash = try row.decodeIfPresent("encrypted_password")
        emailChange = try row.decodeIfPresent("email_change")
        isConfirmed = try row.decode("is_confirmed")
        isBanned = try row.decode("is_banned")
        isAnonymous = try row.decode("is_anonymous")
        isDeleted = try row.decodeIfPresent("deleted_at", as: String.self) != nil
        hasFactor = try row.decode("has_factor")
        appMetadata = try row.decode("app_metadata")
        userMetadata = try row.decode("user_metadata")
        document = try row.decode("document")
    }
}

/// What a new account begins with.
struct NewUser: Sendable {
    var id: String?
    var email: String?
    var passwordHash: String?
    var isConfirmed = false
    var isAnonymous = false
    var isInvited = false
    var role: String?
    var appMetadata: JSON = [:]
    var userMetadata: JSON = [:]
    /// The identity's provider, id and data; nil makes the one of the address.
    var identity: NewIdentity?
}

struct NewIdentity: Sendable {
    let provider: String
    let providerID: String
    let data: JSON
}
