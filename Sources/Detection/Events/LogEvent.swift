/// What a line tells, as views into its bytes: valid until the next line is read.
struct LogEvent {
    enum Kind: UInt8 {
        case other, request, login, loginFailure, logout, connection, disconnection, statement, databaseError, command
        case execution, accountChange, export, transfer
    }

    enum Source: UInt8 {
        case unknown, web, secureShell, system, postgres, application, audit
    }

    var kind = Kind.other
    var source = Source.unknown
    /// Microseconds since 1970; 0: unknown.
    var time: Int64 = 0
    /// How often it happened: `message repeated N times`.
    var count: Int32 = 1
    var status: Int32 = 0
    var size: Int64 = 0
    /// Of the peer, as the logging program wrote it; never taken out of what the peer sent.
    var address = NetworkAddress.none
    /// A number that the log gives its lines, where it has one.
    var sequence: Int64 = 0
    var user = Bytes.empty
    var host = Bytes.empty
    var program = Bytes.empty
    var message = Bytes.empty
    var method = Bytes.empty
    var path = Bytes.empty
    var query = Bytes.empty
    var agent = Bytes.empty
    var referer = Bytes.empty
    var database = Bytes.empty
    var statement = Bytes.empty
    var state = Bytes.empty
    var severity = Bytes.empty
    var session = Bytes.empty
    var object = Bytes.empty
    var action = Bytes.empty
    var line = Bytes.empty
    /// Rows that a statement read or changed, where the log says.
    var rows: Int64 = 0
    /// 1: an invalid user, 2: by key. Of SSH.
    var marks: UInt8 = 0
}

/// Where a line stands.
struct LinePlace {
    var file: Int32 = 0
    var number: Int64 = 0
    var offset: Int64 = 0
}
