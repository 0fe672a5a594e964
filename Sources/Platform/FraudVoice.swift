internal import Foundation
internal import Synchronization

/// Says on standard error what keeps a model from serving, once for each new reason, and when it is over.
final class FraudVoice: Sendable {
    private let last = Mutex<String?>(nil)

    /// - Parameter words: nil when nothing stands in the way.
    func say(_ words: String?) {
        let isNew = last.withLock { last in
            defer { last = words }
            return last != words
        }
        guard isNew else { return }
        let line =
            words.map { "\($0); the model before, or rules and lists alone, decide" } ?? "the models are in service"
        FileHandle.standardError.write(Data("fraud: \(line)\n".utf8))
    }
}
