/// What a logical slot of the plugin `pgoutput` says, in the order of commits.
public enum ReplicationMessage: Sendable, Hashable {
    /// A transaction begins. Its commit is in the log already, so all its changes follow.
    case begin(BeginMark)
    case commit(CommitMark)
    /// Describes a table before its first change, and again after it was altered.
    case relation(ReplicatedRelation)
    case insert(relation: UInt32, new: ReplicatedRow)
    /// `old` only when the key changed, or with replica identity full.
    case update(relation: UInt32, old: OldRow?, new: ReplicatedRow)
    case delete(relation: UInt32, old: OldRow)
    case truncate(relations: [UInt32])
    /// The server's log has come this far and nothing of ours lies before it.
    case progress(LogPosition)

    public struct BeginMark: Sendable, Hashable {
        /// Where the commit lies: the same for all changes of the transaction, rising from one to the next.
        public let commitPosition: LogPosition
        /// Microseconds since 2000-01-01 UTC.
        public let commitMicroseconds: Int64
        public let transactionID: UInt32
    }

    public struct CommitMark: Sendable, Hashable {
        public let commitPosition: LogPosition
        /// Behind the commit: what to confirm when the transaction has been dealt with.
        public let endPosition: LogPosition
        public let commitMicroseconds: Int64
    }

    /// A row as it was before.
    public enum OldRow: Sendable, Hashable {
        /// The columns of the replica identity only; the others are null.
        case key(ReplicatedRow)
        /// Every column: replica identity full.
        case full(ReplicatedRow)

        public var row: ReplicatedRow {
            switch self {
            case .key(let row), .full(let row): row
            }
        }
    }
}

/// A table of a publication.
public struct ReplicatedRelation: Sendable, Hashable {
    public struct Column: Sendable, Hashable {
        public let name: String
        public let typeID: UInt32
        public let typeModifier: Int32
        /// Part of the replica identity.
        public let isKey: Bool
    }

    /// `relreplident`: what old rows carry.
    public enum Identity: UInt8, Sendable {
        case nothing = 0x6E
        case primaryKey = 0x64
        case full = 0x66
        case index = 0x69
    }

    public let id: UInt32
    public let schema: String
    public let name: String
    public let identity: Identity
    public let columns: [Column]
}

/// The values of one row, in the order of its relation's columns.
public struct ReplicatedRow: Sendable, Hashable {
    public enum Value: Sendable, Hashable {
        case null
        /// A large value that an update left as it was; the log does not repeat it.
        case unchanged
        /// PostgreSQL's text form.
        case text(String)
    }

    public var values: [Value]

    public init(values: [Value]) { self.values = values }

    /// About what it takes in memory.
    public var byteCount: Int {
        values.reduce(16) { sum, value in
            if case .text(let text) = value { sum + text.utf8.count + 16 } else { sum + 16 }
        }
    }
}

extension ReplicationMessage {
    var byteCount: Int {
        switch self {
        case .insert(_, let new): new.byteCount + 64
        case .update(_, let old, let new): (old?.row.byteCount ?? 0) + new.byteCount + 64
        case .delete(_, let old): old.row.byteCount + 64
        case .relation(let relation): 128 * (relation.columns.count + 1)
        case .begin, .commit, .truncate, .progress: 64
        }
    }
}
