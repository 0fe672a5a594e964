internal import Postgres
internal import Web

/// The `config` of a `phx_join`.
struct JoinRequest: Sendable {
    struct ChangesRequest: Sendable, Hashable {
        var event: String
        var schema: String
        /// Nil for all tables of the schema.
        var table: String?
        var filterText: String?
        var filter: ChangeFilter
        /// Nil for all columns.
        var select: [String]?

        func wants(_ kind: Change.Kind) -> Bool { event == "*" || event == kind.rawValue }

        func covers(_ table: FollowedTable) -> Bool {
            (schema == "*" || schema == table.schema) && (self.table == nil || self.table == table.name)
        }
    }

    struct Replay: Sendable, Hashable {
        let sinceMilliseconds: Int64
        let limit: Int
    }

    var sendsToSelf = false
    var acknowledges = false
    var replay: Replay?
    var presenceKey = ""
    var isPresenceEnabled = false
    var isPrivate = false
    var changes: [ChangesRequest] = []
    /// The last change the client has seen.
    var since: ChangeID?
    var accessToken: String?
}

extension JoinRequest {
    init(_ payload: JSON, limits: RealtimeSettings.Limits) throws(Refusal) {
        if let token = payload["access_token"]?.string, !token.isEmpty { accessToken = token }
        let config = payload["config"] ?? .object([])
        guard config.members != nil else { throw Refusal("InvalidJoinPayload", "config is not an object") }
        if let broadcast = config["broadcast"] {
            sendsToSelf = try Self.flag(broadcast, "self")
            acknowledges = try Self.flag(broadcast, "ack")
            replay = try Self.replay(broadcast["replay"], limits)
        }
        if let presence = config["presence"], !presence.isNull {
            presenceKey = presence["key"]?.string ?? ""
            guard presenceKey.utf8.count <= limits.topicBytesMax else {
                throw Refusal("InvalidJoinPayload", "presence.key is longer than \(limits.topicBytesMax) bytes")
            }
            // Older clients do not say.
            isPresenceEnabled = presence["enabled"] == nil ? true : try Self.flag(presence, "enabled")
        }
        isPrivate = try Self.flag(config, "private")
        if let text = config["since"]?.string {
            guard let id = ChangeID(text) else { throw Refusal("InvalidJoinPayload", "since is no id of a change") }
            since = id
        }
        guard let list = config["postgres_changes"], !list.isNull else { return }
        guard let entries = list.array else { throw Refusal("InvalidJoinPayload", "postgres_changes is not a list") }
        guard entries.count <= limits.subscriptionsPerChannelMax else {
            throw Refusal("TooManySubscriptions", "more than \(limits.subscriptionsPerChannelMax) in one channel")
        }
        for entry in entries { changes.append(try Self.changes(entry, limits)) }
    }

    private static func flag(_ object: JSON, _ name: String) throws(Refusal) -> Bool {
        switch object[name] {
        case nil, .null: return false
        case .bool(let value): return value
        default: throw Refusal("InvalidJoinPayload", "\(name) is neither true nor false")
        }
    }

    private static func replay(_ value: JSON?, _ limits: RealtimeSettings.Limits) throws(Refusal) -> Replay? {
        guard let value, !value.isNull else { return nil }
        guard let since = value["since"]?.integer, since >= 0, since < 1 << 52 else {
            throw Refusal("InvalidReplayParams", "replay.since is not a time in milliseconds")
        }
        let limit = value["limit"]?.integer ?? Int64(limits.replayMessagesMax)
        guard (1...Int64(limits.replayMessagesMax)).contains(limit) else {
            throw Refusal("InvalidReplayParams", "replay.limit is not from 1 to \(limits.replayMessagesMax)")
        }
        return Replay(sinceMilliseconds: since, limit: Int(limit))
    }

    private static func changes(_ entry: JSON, _ limits: RealtimeSettings.Limits) throws(Refusal) -> ChangesRequest {
        let event = (entry["event"]?.string ?? "*").uppercased()
        guard ["*", "INSERT", "UPDATE", "DELETE"].contains(event) else {
            throw Refusal("InvalidJoinPayload", "event \(event.prefix(20)) is not *, INSERT, UPDATE or DELETE")
        }
        var table = entry["table"]?.string
        if table == "*" || table == "" { table = nil }
        let filterText = entry["filter"]?.string.flatMap { $0.isEmpty ? nil : $0 }
        guard filterText == nil || table != nil else {
            throw Refusal("InvalidFilter", "a filter needs a table")
        }
        var select: [String]?
        if let value = entry["select"], !value.isNull {
            let names = value.array?.map(\.string) ?? value.string?.split(separator: ",").map { String($0) } ?? [nil]
            select = names.compactMap { $0 }
            guard select?.count == names.count, !names.isEmpty, names.count <= 1600, table != nil else {
                throw Refusal("InvalidJoinPayload", "select is not a list of columns of one table")
            }
            if select == ["*"] { select = nil }
        }
        return ChangesRequest(
            event: event, schema: entry["schema"]?.string ?? "public", table: table, filterText: filterText,
            filter: try ChangeFilter(filterText ?? "", conditionsMax: limits.filterConditionsMax), select: select)
    }

    /// What the client asked for, as it asked, with the number it will know the subscription by.
    static func answer(_ entry: ChangesRequest, asked: JSON, id: Int) -> JSON {
        var members: [JSON.Member] = [.init("id", .integer(id))]
        for member in asked.members ?? [] where member.name != "id" { members.append(member) }
        return .object(members)
    }
}
