/// A line without anything that tells of a person: tokens of sixteen hexadecimal digits, the same for the same value.
public struct AnonymousLine: Sendable, Hashable {
    /// Microseconds since 1970; 0 where the line has none.
    public let time: Int64
    public let address: String?
    public let actor: String?
    /// What happened, with a path without numbers.
    public let action: String
    public let object: String?

    init(_ event: LogEvent, token: (String) -> String) {
        time = event.time
        address = event.address.isNone ? nil : token("adresse/" + event.address.text)
        actor = event.user.isEmpty ? nil : token("acteur/" + event.user.text(max: 300))
        var action = "\(event.kind)"
        if !event.path.isEmpty { action += " " + Pseudonyms.template(event.path) }
        if event.status != 0 { action += " \(event.status)" }
        self.action = action
        let object = event.object.isEmpty ? event.session : event.object
        self.object = object.isEmpty ? nil : token("objet/" + object.text(max: 300))
    }
}

/// Where a follower's lines and position are kept together: both or neither.
public struct FollowKeep: Sendable {
    /// The position as it was given to `commit`; nil at the very first.
    let load: @Sendable () async throws -> String?
    let commit: @Sendable (_ lines: [AnonymousLine], _ position: String) async throws -> Void
    /// The token of `adresse/…`, `acteur/…` or `objet/…`.
    let token: @Sendable (String) -> String

    public init(
        token: @escaping @Sendable (String) -> String, load: @escaping @Sendable () async throws -> String?,
        commit: @escaping @Sendable ([AnonymousLine], String) async throws -> Void
    ) {
        self.token = token
        self.load = load
        self.commit = commit
    }
}
