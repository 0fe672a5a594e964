/// How far a long piece of work is. Cheap to make; producers send at most a few per second.
public struct ProgressUpdate: Sendable {
    /// What is being done, in the words of the documentation: `salvage`, `reconcile`.
    public let stage: String
    /// What it works on at the moment (a table, a file); empty when nothing narrower applies.
    public let subject: String
    /// Work done so far, in `unit`.
    public let done: Int64
    /// All the work, in `unit`, when it is known.
    public let total: Int64?
    /// `bytes`, `rows`, `checks`.
    public let unit: String

    public init(stage: String, subject: String = "", done: Int64, total: Int64?, unit: String) {
        self.stage = stage
        self.subject = subject
        self.done = done
        self.total = total
        self.unit = unit
    }
}

/// Receives progress; called from any thread.
public typealias ProgressSink = @Sendable (ProgressUpdate) -> Void
