internal import Postgres

/// What a restore brings back that must not live on as it was: sessions, kept answers, spent limits, erased people.
struct DerivedState: Sendable {
    let database: Database

    /// Does what can be done in any bank; returns what was done, in words.
    func rebuild() async throws -> [String] {
        var done: [String] = []
        for step in DerivedStateStore.steps {
            guard try await database.one(step.isThere, as: Bool.self) else { continue }
            let count = try await database.one(step.act, as: Int64.self)
            done.append("\(step.words): \(count)")
        }
        return done
    }
}
