internal import Detection
internal import Evidence
internal import Migrations
internal import Postgres

/// Responses and incidents by hand, on the embedded bank.
public enum RespondService {
    public struct Request: Sendable {
        public var action: String
        public var target: String
        public var reason: String
        public var seconds: Int64 = 3_600
        public var isDryRun = false
        public var dataDirectory: String

        public init(action: String, target: String, reason: String, dataDirectory: String) {
            self.action = action
            self.target = target
            self.reason = reason
            self.dataDirectory = dataDirectory
        }
    }

    public static let actions = ResponseOrder.Action.allCases.map(\.rawValue)

    public static func respond(_ request: Request) async throws -> [String] {
        guard let action = ResponseOrder.Action(rawValue: request.action) else {
            throw DetectionError.option(
                "\(request.action) is no response", "Choose one of \(actions.joined(separator: ", ")).")
        }
        let order = try ResponseOrder(
            action, request.target, reason: request.reason, seconds: request.seconds, isDryRun: request.isDryRun)
        let done = try await with(request.dataDirectory) { try await $0.respond(order, by: "operator") }
        let words = order.isDryRun ? "would be done" : done.isNew ? "done" : "prolonged"
        return ["response \(done.id)  \(action.rawValue) \(order.target)  \(words)"]
    }

    public static func takeBack(_ id: Int64, dataDirectory: String) async throws -> [String] {
        let isBack = try await with(dataDirectory) { try await $0.takeBack(id, by: "operator") }
        guard isBack else {
            throw DetectionError.option("response \(id) is not in force", "See: digitalbank respond list")
        }
        return ["response \(id)  taken back"]
    }

    /// As JSON.
    public static func list(all: Bool, dataDirectory: String) async throws -> String {
        try await with(dataDirectory) { try await $0.responses(onlyActive: !all, limit: 200) }
    }

    /// As JSON.
    public static func incidents(dataDirectory: String) async throws -> String {
        try await with(dataDirectory) { try await $0.incidents(limit: 200) }
    }

    static func with<Value: Sendable>(
        _ dataDirectory: String, _ body: @Sendable (DetectionDesk) async throws -> Value
    ) async throws -> Value {
        try await BankDatabase.with(DataDirectory(dataDirectory)) { database in
            try await Migrator(database).apply([try EvidenceMigrations.set(), try DetectionMigrations.set()])
            return try await body(DetectionDesk(database: database))
        }
    }
}
