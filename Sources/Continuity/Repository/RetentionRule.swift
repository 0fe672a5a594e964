/// What may be removed from a repository, and what never is.
public enum RetentionRule {
    /// What is known about a set beside what the repository says.
    public struct Knowledge: Sendable {
        /// Labels that a drill restored and found sound, by the time of the proof.
        public var proved: [String: Int64]
        /// Labels that were found damaged in any way.
        public var damaged: Set<String>
        /// Those of them that a later verification may find whole.
        var clearable: Set<String> = []
        /// What was said against each.
        var reasons: [String: String] = [:]

        public init(proved: [String: Int64] = [:], damaged: Set<String> = []) {
            self.proved = proved
            self.damaged = damaged
        }

        /// A verification found something: a disk may come back, a file may be brought back.
        mutating func mark(_ label: String, _ reason: String) {
            if !damaged.contains(label) { clearable.insert(label) }
            damaged.insert(label)
            reasons[label] = reason
        }

        /// It holds bad pages, or could not be restored: only a proof takes that away.
        mutating func condemn(_ label: String, _ reason: String) {
            damaged.insert(label)
            clearable.remove(label)
            reasons[label] = reason
        }

        mutating func clear(_ label: String) {
            guard clearable.remove(label) != nil else { return }
            damaged.remove(label)
            reasons[label] = nil
        }

        mutating func prove(_ label: String, at seconds: Int64) {
            damaged.remove(label)
            clearable.remove(label)
            reasons[label] = nil
            proved[label] = seconds
        }
    }

    /// Full sets of one repository that may go, with all that depend on them, oldest first.
    ///
    /// A full set stays while one of these holds: it or a set upon it is the newest proved one; it is among the newest
    /// `fullsMin` sound ones; days within the window need it; it is the newest of all. Damaged sets count for nothing: they
    /// never push a sound one out. Without any proof nothing goes.
    public static func expirable(
        _ sets: [BackupSet], knowing known: Knowledge, retention: BackupSettings.Retention, now: Int64
    ) -> [BackupSet] {
        let fulls = sets.filter { $0.kind == .full }.sorted { $0.stoppedAt < $1.stoppedAt }
        guard let newest = fulls.last, let proof = newestProved(sets, known) else { return [] }
        func isSound(_ set: BackupSet) -> Bool { !set.hasBadPages && !known.damaged.contains(set.label) }
        let sound = fulls.filter(isSound)
        var kept = Set(sound.suffix(max(1, retention.fullsMin)).map(\.label))
        kept.insert(newest.label)
        kept.insert(root(of: proof))
        // The window is reached from the newest sound full set that was complete before it began.
        let begin = now - Int64(retention.days) * 86_400
        let base = sound.last { $0.stoppedAt <= begin } ?? sound.first
        if let base { kept.formUnion(sound.filter { $0.stoppedAt >= base.stoppedAt }.map(\.label)) }
        return fulls.filter { !kept.contains($0.label) }
    }

    /// The newest set that was proved by a restore and is not damaged since.
    public static func newestProved(_ sets: [BackupSet], _ known: Knowledge) -> BackupSet? {
        sets.filter { known.proved[$0.label] != nil && !known.damaged.contains($0.label) }
            .max { $0.stoppedAt < $1.stoppedAt }
    }

    /// The full set that a label hangs on: labels of dependents begin with its own.
    static func root(of set: BackupSet) -> String { String(set.label.prefix { $0 != "_" }) }
}
