internal import Postgres

/// Loads rows by COPY around the ones the server refuses: it names the line, so that each good row is sent at most twice.
///
/// Runs inside a transaction of the caller.
struct RowIsolation {
    let connection: Connection
    let copy: Statement

    /// - Parameters:
    ///   - text: the COPY lines of a range of rows.
    ///   - loaded: called for each piece that went in, with its text.
    ///   - refused: called for each row that did not.
    func load(
        _ count: Int, text: (Range<Int>) -> [UInt8], loaded: ([UInt8], Int) -> Void,
        refused: (Int, PostgresError) throws -> Void
    ) async throws {
        var next = 0
        while next < count {
            var end = count
            while next < end {
                try Task.checkCancellation()
                try await connection.run(CleanRoomStore.innerSavepoint)
                do {
                    let piece = text(next..<end)
                    loaded(piece, try await connection.copyIn(copy, from: ChunkSequence([piece])))
                    next = end
                } catch let error as PostgresError where error.isAboutTheRow {
                    try await connection.run(CleanRoomStore.rollbackToInnerSavepoint)
                    let named = next + (error.copyLine.map { min($0 - 1, end - next - 1) } ?? (end - next) / 2)
                    guard end - next > 1, error.copyLine == nil || named > next else {
                        try refused(next, error)
                        next += 1
                        continue
                    }
                    end = max(named, next + 1)
                }
            }
        }
    }
}
