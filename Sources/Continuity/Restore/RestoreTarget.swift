public import Postgres

/// The moment to go back to.
public enum RestoreTarget: Sendable, Hashable, CustomStringConvertible {
    /// As far as the log reaches.
    case newest
    /// A time as PostgreSQL reads it, with its zone; everything committed up to it.
    case time(String)
    /// Everything up to this place in the log; `isIncluded` false stops just before the record there.
    case position(LogPosition, isIncluded: Bool)

    public var description: String {
        switch self {
        case .newest: "the end of the log"
        case .time(let text): "time \(text)"
        case .position(let position, let isIncluded): "log position \(position)" + (isIncluded ? "" : " (before it)")
        }
    }

    /// A set that ended after the target is of no use to it.
    func admits(_ set: BackupSet, epoch: Int64?) -> Bool {
        switch self {
        case .newest: true
        case .time: epoch.map { set.stoppedAt <= $0 } ?? true
        case .position(let position, _): set.stopPosition <= position
        }
    }

    /// While it reads its settings, PostgreSQL knows no names of zones, Z among them.
    private static func numeric(_ time: String) -> String {
        time.hasSuffix("Z") ? time.dropLast().replacing("T", with: " ") + "+00" : time.replacing("T", with: " ")
    }

    var options: [String] {
        switch self {
        case .newest: ["--type=default"]
        case .time(let text): ["--type=time", "--target=\(Self.numeric(text))", "--target-action=promote"]
        case .position(let position, let isIncluded):
            ["--type=lsn", "--target=\(position)", "--target-action=promote"]
                + (isIncluded ? [] : ["--target-exclusive"])
        }
    }
}
