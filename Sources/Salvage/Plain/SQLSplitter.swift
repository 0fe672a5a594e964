/// Cuts a script into statements. For texts that fit in memory: definitions, schema files.
package enum SQLSplitter {
    package struct Piece: Sendable {
        package let text: String
        /// Byte of the first character of the statement.
        package let offset: Int
    }

    package static func statements(of script: [UInt8]) -> [Piece] {
        script.withUnsafeBufferPointer { bytes in
            var pieces: [Piece] = []
            var scanner = SQLScanner(bytes)
            while scanner.skipBlanks() {
                let start = scanner.position
                if bytes[start] == UInt8(ascii: "\\") { scanner.skipLine() } else { _ = scanner.skipStatement() }
                let text = String(decoding: bytes[start..<scanner.position], as: UTF8.self)
                pieces.append(Piece(text: text, offset: start))
            }
            return pieces
        }
    }
}
