internal import Charts
internal import Cryptography
internal import Web

/// Who is signed in: both tokens, kept in a sealed cookie that no script reads.
struct ConsoleSession: Sendable, Hashable {
    var access: String
    var refresh: String
    /// Unix seconds: when the access token ends.
    var expires: Int64
    /// What each form must bring back.
    var formKey: String
    /// The account has a second factor that this session did not meet yet.
    var needsCode: Bool
    /// The factor to ask for.
    var factor: String?

    static let purpose = "console-session"

    var text: String {
        let json: JSON = [
            "a": .string(access), "r": .string(refresh), "e": .integer(expires), "k": .string(formKey),
            "n": .bool(needsCode), "f": factor.map { .string($0) } ?? .null,
        ]
        return json.text
    }

    init?(text: String) {
        guard let json = try? JSONReader.read(text), let access = json["a"]?.string, let refresh = json["r"]?.string,
            let expires = json["e"]?.integer, let key = json["k"]?.string
        else { return nil }
        self.access = access
        self.refresh = refresh
        self.expires = expires
        formKey = key
        needsCode = json["n"]?.bool ?? false
        factor = json["f"]?.string
    }

    /// From an answer of `/auth/v1/token` or of a factor's verification.
    init(answer: JSON, formKey: String?) throws {
        guard let access = answer["access_token"]?.string, let refresh = answer["refresh_token"]?.string else {
            throw Refused(502, "unexpected", "the sign-in gave no session")
        }
        self.access = access
        self.refresh = refresh
        expires = answer["expires_at"]?.integer ?? 0
        self.formKey = try formKey ?? SecureRandom.bytes(16).hex
        let factors = answer["user"]?["factors"]?.array ?? []
        factor = factors.first { $0["status"]?.string == "verified" }?["id"]?.string
        needsCode = false
    }
}

/// What a token says of its bearer.
struct Person: Sendable, Hashable {
    enum Role: String, Sendable { case client, analyst, admin }

    let id: String
    let email: String
    let role: Role
    /// Proved by a second factor.
    let isStrong: Bool
    /// The account's own choice.
    let language: Language?
    let actor: Actor
    let sessionID: String?

    init?(_ actor: Actor) {
        guard let claims = try? JSONReader.read(actor.claims), let subject = actor.subject else { return nil }
        id = subject
        email = claims["email"]?.string ?? ""
        role = claims["app_metadata"]?["role"]?.string.flatMap(Role.init) ?? .client
        isStrong = claims["aal"]?.string == "aal2"
        language = claims["user_metadata"]?["lang"]?.string.flatMap(Language.init)
        sessionID = actor.sessionID
        self.actor = actor
    }
}
