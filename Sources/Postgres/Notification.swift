internal import CLibpq

/// A message of `NOTIFY`.
public struct Notification: Sendable, Hashable {
    public let channel: String
    public let payload: String
    /// The server process that sent it.
    public let processID: Int32

    /// Takes over `notice`.
    init(taking notice: UnsafeMutablePointer<PGnotify>) {
        channel = String(cString: notice.pointee.relname)
        payload = String(cString: notice.pointee.extra)
        processID = notice.pointee.be_pid
        PQfreemem(notice)
    }
}
