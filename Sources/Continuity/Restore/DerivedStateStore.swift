internal import Postgres

/// What is done to a bank that came back from the past, each where the part of the schema exists.
enum DerivedStateStore {
    struct Step: Sendable {
        let words: String
        let isThere: Statement
        /// Returns one number.
        let act: Statement
    }

    static let steps: [Step] = [
        // A session that was ended after the moment of the restore would be alive again.
        Step(
            words: "sessions ended", isThere: DrillCheckStore.exists("auth.sessions"),
            act: "with gone as (delete from auth.sessions returning 1) select count(*) from gone"),
        Step(
            words: "erasures done again", isThere: DrillCheckStore.existsFunction("privacy.replay_erasures()"),
            act: "select count(*) from privacy.replay_erasures()"),
        // What was tried before the moment says nothing about now.
        Step(
            words: "windows of attempts emptied", isThere: DrillCheckStore.exists("auth.attempts"),
            act: "with gone as (delete from auth.attempts returning 1) select count(*) from gone"),
    ]
}
