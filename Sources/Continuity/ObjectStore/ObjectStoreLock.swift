internal import Foundation

/// What keeps objects of a bucket from being removed, asked of the store and tried out.
struct ObjectStoreLock: Sendable {
    enum Mode: String, Sendable {
        /// Nobody removes a version before its day.
        case compliance = "COMPLIANCE"
        /// Whoever holds `s3:BypassGovernanceRetention` does.
        case governance = "GOVERNANCE"
    }

    var isVersioned = false
    var mode: Mode?
    /// For each new object, by the bucket's own rule.
    var days: Int?
    /// The store refused to remove a version that was just made.
    var isProved = false

    /// What is not as it must be, for restores within `retention`; empty when all is.
    ///
    /// What a moment within the window needs was made up to `days` and one interval of full sets ago.
    func troubles(_ settings: BackupSettings) -> [(kind: String, words: String)] {
        guard isVersioned else {
            return [("versions-off", "the bucket keeps no versions: whoever holds the key overwrites and removes")]
        }
        guard let mode, let days else {
            return [("lock-off", "the bucket has no object lock with a rule for new objects")]
        }
        var found: [(kind: String, words: String)] = []
        if !isProved {
            found.append(("lock-off", "the bucket says \(mode.rawValue), and a version was removed all the same"))
        }
        let needed = settings.retention.days + (settings.schedule.fullEvery + 86_399) / 86_400
        if days < needed {
            found.append(
                (
                    "lock-short",
                    "the lock lasts \(days) days, and a moment \(settings.retention.days) days ago needs sets of \(needed) days"
                ))
        }
        return found
    }

    /// Asks, then tries: a version of a small object of ours is removed, which the store must refuse.
    static func look(_ client: ObjectStoreClient) async throws -> ObjectStoreLock {
        var lock = ObjectStoreLock()
        let versions = try await client.send(ObjectStoreClient.Request(query: [("versioning", "")]))
        guard versions.isDone else {
            throw ContinuityError.storeAnswer("bucket \(client.place.bucket): \(versions.code)")
        }
        lock.isVersioned = XMLText.first("Status", in: versions.body) == "Enabled"
        let rule = try await client.send(ObjectStoreClient.Request(query: [("object-lock", "")]))
        if rule.isDone, XMLText.first("ObjectLockEnabled", in: rule.body) == "Enabled" {
            lock.mode = XMLText.first("Mode", in: rule.body).flatMap { Mode(rawValue: $0) }
            lock.days =
                XMLText.first("Days", in: rule.body).flatMap { Int($0) }
                ?? XMLText.first("Years", in: rule.body).flatMap { Int($0) }.map { $0 * 365 }
        }
        guard lock.isVersioned, lock.mode != nil else { return lock }
        lock.isProved = try await isRemovalRefused(client)
        return lock
    }

    private static let probe = "digitalbank-lock-probe"

    /// An old probe is tried first: the lock's days would otherwise fill the bucket with them.
    private static func isRemovalRefused(_ client: ObjectStoreClient) async throws -> Bool {
        let key = client.place.key(probe)
        let kept = try await ObjectListing.read(client, prefix: key).versions.filter { $0.key == key }
        for version in kept.prefix(3) {
            let answer = try await remove(key, version.version, client)
            // One whose days are over may go; a fresh one has to be tried then.
            if !answer.isDone { return true }
        }
        let made = try await client.send(
            ObjectStoreClient.Request(method: "PUT", key: key, body: Array("locked?\n".utf8)))
        guard made.isDone, let version = made.version else {
            throw ContinuityError.storeAnswer("put \(key): \(made.code)")
        }
        return try await !remove(key, version, client).isDone
    }

    static func remove(
        _ key: String, _ version: String, _ client: ObjectStoreClient
    ) async throws -> ObjectStoreClient.Answer {
        try await client.send(
            ObjectStoreClient.Request(method: "DELETE", key: key, query: [("versionId", version)]))
    }
}
