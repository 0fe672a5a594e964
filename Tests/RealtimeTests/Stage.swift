import Foundation
import Migrations
import Postgres
import Realtime
import Synchronization
import TestSupport
import Testing
import Web

/// Accounts of two clients and more, under row level security by the token's subject.
let accounts = TestTemplate("realtime") { database in
    try await Migrator(database).apply([try RealtimeMigrations.set()])
    try await database.withConnection { try await $0.runScript(accountsSQL) }
}

private let accountsSQL = """
    create schema if not exists auth;
    create function auth.uid() returns text language sql stable as
        $$ select nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub' $$;
    grant usage on schema auth to public;
    create table accounts (
        id int primary key, owner text not null, balance numeric(12, 2) not null default 0, note text,
        secret text, meta jsonb, tags text[], seen_at timestamptz
    );
    alter table accounts enable row level security;
    alter table accounts replica identity full;
    alter table accounts alter note set storage external;
    grant select (id, owner, balance, note, meta, tags, seen_at) on accounts to authenticated;
    create policy own on accounts for select to authenticated using (owner = (select auth.uid()));
    create table keyed (id int primary key, owner text not null, word text);
    alter table keyed enable row level security;
    grant select on keyed to authenticated;
    create policy own on keyed for select to authenticated using (owner = (select auth.uid()));
    create table bykey (id int primary key, word text);
    alter table bykey enable row level security;
    grant select on bykey to authenticated;
    create policy small on bykey for select to authenticated using (id < 100);
    create table open_table (id int primary key, word text);
    grant select on open_table to anon, authenticated, service_role;
    create table fragile (id int primary key, divisor int);
    alter table fragile enable row level security;
    grant select on fragile to authenticated;
    create policy risky on fragile for select to authenticated using (10 / divisor > 0);
    create table unpublished (id int primary key);
    grant select on unpublished to authenticated;
    alter publication supabase_realtime add table accounts, keyed, bykey, open_table, fragile;
    create policy members_read on realtime.messages for select to authenticated
        using (realtime.topic() = 'room-' || (select auth.uid()) and extension = 'broadcast');
    create policy members_write on realtime.messages for insert to authenticated
        with check (realtime.topic() = 'room-' || (select auth.uid()) and extension in ('broadcast', 'presence'));
    create policy watchers on realtime.messages for select to authenticated
        using (realtime.topic() = 'watched');
    create policy watchers_write on realtime.messages for insert to authenticated
        with check (realtime.topic() = 'watched');
    """

/// A hub over a database of its own, running.
struct Stage: Sendable {
    let hub: RealtimeHub
    let database: Database
    let settings: RealtimeSettings
    let running: Task<Void, any Error>

    /// Ends the hub; its slot stays.
    func stop() async {
        running.cancel()
        _ = await running.result
    }

    static func run(
        _ settings: RealtimeSettings = RealtimeSettings(), _ body: @escaping @Sendable (Stage) async throws -> Void
    ) async throws {
        try await withTestDatabase(accounts) { database in
            var settings = settings
            settings.slot = TestCluster.freshName("realtime")
            settings.limits.accessAge = .milliseconds(1)
            let hub = Self.hub(database, settings)
            // Ended by `stop`, below or in the test.
            let running = Task { try await hub.run() }
            let stage = Stage(hub: hub, database: database, settings: settings, running: running)
            let result: Result<Void, any Error>
            do {
                try await stage.untilReady()
                result = .success(try await body(stage))
            } catch {
                result = .failure(error)
            }
            await stage.stop()
            try await stage.dropSlot()
            try result.get()
        }
    }

    static func hub(_ database: Database, _ settings: RealtimeSettings, now: Double? = nil) -> RealtimeHub {
        RealtimeHub(
            database: database, replication: database.configuration, settings: settings,
            now: { now ?? WallClock.seconds() }, verify: Self.verify)
    }

    /// Tokens of tests are the claims themselves; anything else is refused.
    @Sendable static func verify(_ token: String) -> Actor? {
        guard let claims = try? JSONReader.read(token), let role = claims["role"]?.string else { return nil }
        // As the one verifier of the product has it: times are numbers.
        if let exp = claims["exp"], exp.integer == nil { return nil }
        return Actor(role: role, claims: token, subject: claims["sub"]?.string, sessionID: claims["session_id"]?.string)
    }

    static func actor(_ subject: String, session: String? = nil) -> Actor {
        var claims: [JSON.Member] = [.init("role", "authenticated"), .init("sub", .string(subject))]
        if let session { claims.append(.init("session_id", .string(session))) }
        return Actor(
            role: "authenticated", claims: JSON.object(claims).text, subject: subject, sessionID: session)
    }

    static let service = Actor(role: "service_role", claims: #"{"role":"service_role"}"#)

    func untilReady() async throws { try await eventually { hub.figures.isReading } }

    func dropSlot() async throws {
        while true {
            do {
                try await database.run(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = \(settings.slot)"
                )
                return
            } catch let error as PostgresError where error.sqlState == "55006" {
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    func client(_ actor: Actor, _ version: ProtocolVersion = .one, capacity: Int = .max) throws -> Client {
        try Client(hub, actor, version, capacity: capacity)
    }

    /// A client of `subject` that follows `entries` on a channel of its own.
    func follower(
        _ actor: Actor, _ entries: [JSON], since: String? = nil, _ version: ProtocolVersion = .one
    ) async throws -> Client {
        let client = try client(actor, version)
        var config: [JSON.Member] = [.init("postgres_changes", .array(entries))]
        if let since { config.append(.init("since", .string(since))) }
        let reply = await client.join("realtime:changes", .object(config))
        guard reply?["status"]?.string == "ok" else {
            throw StageError(words: "refused: \(reply?.text ?? "no reply")")
        }
        return client
    }
}

struct StageError: Error {
    let words: String
}

/// Waits until it holds; fails the test when it does not for a long time.
func eventually(
    _ what: String = "what was waited for", _ holds: () async throws -> Bool
) async throws {
    for _ in 0..<6000 {
        if try await holds() { return }
        try await Task.sleep(for: .milliseconds(5))
    }
    throw StageError(words: "\(what) did not come")
}

/// What a client of the protocol would be, without its socket.
final class Client: Sendable {
    struct Message: Sendable {
        let topic: String
        let event: String
        let payload: JSON
        let reference: JSON
    }

    fileprivate struct State {
        var frames: [RealtimeFrame] = []
        var closing: (UInt16, String)?
        var lastReference = 0
    }

    private final class Box: Sendable {
        let state = Mutex(State())
    }

    private let box = Box()
    let version: ProtocolVersion
    let session: RealtimeSession

    init(_ hub: RealtimeHub, _ actor: Actor, _ version: ProtocolVersion, capacity: Int) throws {
        self.version = version
        let box = box
        let session = hub.connect(
            actor: actor, version: version,
            send: { frame in
                box.state.withLock { state in
                    guard state.frames.count < capacity else { return false }
                    state.frames.append(frame)
                    return true
                }
            },
            close: { code, reason in box.state.withLock { $0.closing = (code, reason) } })
        guard let session else { throw StageError(words: "not connected") }
        self.session = session
    }

    var frames: [RealtimeFrame] { box.state.withLock { $0.frames } }
    var closing: (code: UInt16, reason: String)? {
        box.state.withLock { $0.closing.map { (code: $0.0, reason: $0.1) } }
    }

    var messages: [Message] {
        frames.compactMap { frame in
            guard case .text(let text) = frame, let value = try? JSONReader.read(text) else { return nil }
            switch version {
            case .one:
                return Message(
                    topic: value["topic"]?.string ?? "", event: value["event"]?.string ?? "",
                    payload: value["payload"] ?? .null, reference: value["ref"] ?? .bool(false))
            case .two:
                guard let parts = value.array, parts.count == 5 else { return nil }
                return Message(
                    topic: parts[2].string ?? "", event: parts[3].string ?? "", payload: parts[4], reference: parts[1])
            }
        }
    }

    func messages(_ event: String) -> [Message] { messages.filter { $0.event == event } }

    /// The `data` of the changes that came.
    var changes: [JSON] { messages("postgres_changes").compactMap { $0.payload["data"] } }

    /// `record.id` or `old_record.id` of the changes that came.
    var changedIDs: [Int64] {
        changes.compactMap { ($0["record"]?["id"] ?? $0["old_record"]?["id"])?.integer }
    }

    @discardableResult
    func say(_ topic: String, _ event: String, _ payload: JSON) async -> JSON? {
        let reference = box.state.withLock { state in
            state.lastReference += 1
            return String(state.lastReference)
        }
        let value: JSON =
            switch version {
            case .one:
                ["topic": .string(topic), "event": .string(event), "payload": payload, "ref": .string(reference)]
            case .two: [.null, .string(reference), .string(topic), .string(event), payload]
            }
        await session.receive(text: value.text)
        return messages("phx_reply").last { $0.reference.string == reference }?.payload
    }

    @discardableResult
    func join(_ topic: String, _ config: JSON = .object([]), token: String? = nil) async -> JSON? {
        var payload: [JSON.Member] = [.init("config", config)]
        if let token { payload.append(.init("access_token", .string(token))) }
        return await say(topic, "phx_join", .object(payload))
    }

    func waitFor(_ event: String, count: Int = 1) async throws {
        try await eventually("\(count) \(event)") { messages(event).count >= count }
    }

    func waitForChange(_ id: Int64) async throws {
        try await eventually("the change of row \(id)") { changedIDs.contains(id) }
    }
}
