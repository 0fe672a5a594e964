/// How a database is served.
public struct RestSettings: Sendable {
    /// Served schemas; the first is the default.
    public var schemas = ["public"]
    /// Appended to the search path of each request.
    public var extraSearchPath = ["public"]
    /// The role of those who bring no token; nil refuses them.
    public var anonymousRole: String? = "anon"
    /// The most rows that one read gives; nil is no limit.
    public var rowsMax: Int64?
    /// The same for some roles, in place of `rowsMax`; 0 is no limit.
    public var rowsMaxByRole: [String: Int64] = [:]
    /// The most that a statement of these roles may cost, in the planner's units; a page read from a table costs 1.
    public var costMaxByRole: [String: Double] = [:]
    /// Tables without row level security and views with their owner's rights are served too, as PostgREST does.
    public var servesUnguarded = false
    /// Names of such tables and views that are served although.
    public var unguardedServed: Set<String> = []
    public var allowsAggregates = false
    public var allowsPlans = false
    /// Whether `Prefer: tx=rollback` is heeded.
    public var allowsRollback = false
    /// Every change is taken back: for looking, and for tests.
    public var rollsBackAlways = false
    /// Called before each request, in its transaction.
    public var preRequest: String?
    /// Request details that functions may read: `request.method`, `request.path`, `request.headers`, `request.cookies`.
    public var setsRequestDetails = false
    /// Roles that see the values of rows that a constraint refused.
    public var rolesThatSeeDetails: Set<String> = ["service_role"]
    /// Answers are kept for `Idempotency-Key`: the schema `api` is there and the login role may call it.
    public var keepsAnswers = false
    public var openAPIServer = "http://127.0.0.1"
    /// Values for `current_setting('app.settings.…')`.
    public var appSettings: [String: String] = [:]

    /// Requests of one person that are worked on at once, and that wait for it; nil: no limit. Reads that were fast before
    /// do not count.
    public var requestsBySubjectMax: Int?
    public var waitingBySubjectMax = 256
    public var waitingTimeMax: Duration = .seconds(10)
    public var rolesWithoutTurns: Set<String> = ["service_role"]

    public init() {}
}
