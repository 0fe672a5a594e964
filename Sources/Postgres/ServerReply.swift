internal import CLibpq
internal import Foundation

extension PostgresError {
    /// The server's report, every field of it. `result` stays the caller's.
    init(result: OpaquePointer) {
        self.init(withoutText: Self.trimmed(PQresultErrorMessage(result))) { code in
            PQresultErrorField(result, Int32(code.value)).map { String(cString: $0) }
        }
    }

    /// A report by its fields (PostgreSQL's documentation, "Error and Notice Message Fields"); `withoutText` is said when
    /// it has no message.
    init(withoutText: String, field: (Unicode.Scalar) -> String?) {
        let severity = field("V") ?? field("S")
        // After FATAL the server ends the session: whatever was under way has an unknown outcome.
        let isFatal = severity == "FATAL" || severity == "PANIC" || field("C") == nil
        self.init(
            kind: isFatal ? .connectionLost : .server, message: field("M") ?? withoutText, sqlState: field("C"))
        self.severity = severity
        detail = field("D")
        serverHint = field("H")
        position = field("P").flatMap { Int($0) }
        context = field("W")
        schema = field("s")
        table = field("t")
        column = field("c")
        dataType = field("d")
        constraint = field("n")
        routine = field("R")
    }

    /// What libpq says about a broken connection.
    static func lost(_ handle: OpaquePointer) -> PostgresError {
        let message = trimmed(PQerrorMessage(handle))
        return PostgresError(
            kind: .connectionLost, message: message.isEmpty ? "the server closed the connection" : message)
    }

    static func trimmed(_ text: UnsafePointer<CChar>?) -> String {
        guard let text else { return "" }
        return String(cString: text).trimmingCharacters(in: .whitespacesAndNewlines)
    }
}

/// What one PGresult says.
enum ServerReply {
    case rows(QueryResult)
    indirect case failed(PostgresError)
    /// An earlier statement of the same flight failed; this one did not run.
    case skipped
    case synced
    /// COPY began: only a connection taken out of the pipeline can do that.
    case copy

    /// Takes over `result`.
    init(taking result: OpaquePointer) {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_SINGLE_TUPLE, PGRES_EMPTY_QUERY:
            self = .rows(QueryResult(storage: ResultStorage(result)))
            return
        case PGRES_PIPELINE_SYNC: self = .synced
        case PGRES_PIPELINE_ABORTED: self = .skipped
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH: self = .copy
        default: self = .failed(PostgresError(result: result))
        }
        PQclear(result)
    }
}
