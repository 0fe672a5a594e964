internal import HTTPTypes
internal import Web

/// What the headers of a request ask for.
struct RequestContext: Sendable {
    private(set) var request: ApiRequest
    private(set) var actor: Actor
    let snapshot: Snapshot
    let settings: RestSettings
    let schema: String
    /// Whether a client chose the schema, so that the answer names it.
    let namesSchema: Bool
    var preferences: Preferences
    let accepted: [AcceptedType]
    let costs: CostGuard

    /// GET, HEAD and OPTIONS change nothing.
    var isReading: Bool { [.get, .head].contains(request.method) }
    /// What the database says about the role: `alter role … set statement_timeout`.
    var roleSettings: RoleSettings { snapshot.roles[actor.role] ?? RoleSettings() }
    var isHead: Bool { request.method == .head }

    init(
        _ request: ApiRequest, _ actor: Actor, _ snapshot: Snapshot, _ settings: RestSettings, _ costs: CostGuard
    ) throws(RestError) {
        self.request = request
        self.actor = actor
        self.snapshot = snapshot
        var settings = settings
        if let most = settings.rowsMaxByRole[actor.role] { settings.rowsMax = most == 0 ? nil : most }
        self.settings = settings
        self.costs = costs
        let isReading = [.get, .head].contains(request.method)
        let asked = request.fields[isReading ? .acceptProfile : .contentProfile]
        schema = asked ?? snapshot.schemas.first ?? "public"
        namesSchema = snapshot.schemas.count > 1
        guard snapshot.schemas.contains(schema) else {
            throw RestError(
                "PGRST106", 406, "Invalid schema: \(schema)",
                hint: "Only the following schemas are exposed: \(snapshot.schemas.joined(separator: ", "))")
        }
        preferences = Preferences(request.fields[values: .prefer]) { snapshot.timeZones.contains($0) }
        accepted = AcceptedType.parse(request.fields[.accept])
        if preferences.isStrict == true, !preferences.unknown.isEmpty {
            throw RestError(
                "PGRST122", 400, "Invalid preferences given with handling=strict",
                details: "Invalid preferences: \(preferences.unknown.joined(separator: ", "))")
        }
    }

    /// The same headers, understood for another request.
    func replacing(_ request: ApiRequest, claims: String? = nil) -> RequestContext {
        var copy = self
        copy.request = request
        if let claims { copy.actor = Actor(role: actor.role, claims: claims, isAnonymous: actor.isAnonymous) }
        return copy
    }

    /// A name of the request's schema.
    func named(_ name: String) -> QualifiedName { QualifiedName(schema: schema, name: name) }

    /// The body's type without parameters.
    var contentType: String {
        let header = request.fields[.contentType] ?? "application/json"
        return header.split(separator: ";").first.map { String($0).trimmingSpaces().lowercased() } ?? ""
    }

    /// Prepared statements are planned for one role and one state of the schema.
    var planScope: String { "\(actor.role)/\(snapshot.generation)" }

    /// Narrowed by the `Range` header, as items.
    func range(_ range: RowRange) throws(RestError) -> RowRange {
        guard request.method == .get || request.method == .head, let header = request.fields[.range] else {
            return range
        }
        let text = header.hasPrefix("items=") ? String(header.dropFirst(6)) : header
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 2, let first = Int64(parts[0]), first >= 0 else { return range }
        var narrowed = range
        narrowed.offset = max(range.offset, first)
        if let last = Int64(parts[1]) {
            guard last >= first, last < .max else {
                throw RestError(
                    "PGRST103", 416, "Requested range not satisfiable",
                    details: "The lower boundary must be lower than or equal to the upper boundary in the Range header."
                )
            }
            let count = last - first + 1
            narrowed.limit = min(range.limit ?? count, count)
        }
        return narrowed
    }
}

extension HTTPField.Name {
    static let acceptProfile = known("Accept-Profile")
    static let contentProfile = known("Content-Profile")
    static let prefer = known("Prefer")
    static let preferenceApplied = known("Preference-Applied")

    /// A name that is written in this source: valid by inspection, and `Via` if it were not.
    private static func known(_ name: String) -> HTTPField.Name { HTTPField.Name(name) ?? .via }
}
