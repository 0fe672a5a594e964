import Testing

@testable import Recovery

@Suite struct CopyTextTests {
    @Test func `a value of any bytes comes back from the line it was written to`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let values = (0..<4).map { _ -> [UInt8]? in
                if Int.random(in: 0..<5, using: &generator) == 0 { return nil }
                let count = Int.random(in: 0..<20, using: &generator)
                return (0..<count).map { _ in UInt8.random(in: 1...255, using: &generator) }
            }
            var writer = CopyTextWriter()
            for value in values { if let value { writer.text(value) } else { writer.null() } }
            writer.endLine()
            let read = writer.take().withUnsafeBufferPointer { bytes in
                let line = CopyLine(bytes)
                return (0..<line.fieldCount).map { line.value($0) }
            }
            #expect(read == values)
        }
    }

    @Test func `the escapes that PostgreSQL writes are read`() {
        let line = Array("a\\tb\\\\c\t\\N\t\\n\\r\\b\\f\\v\t".utf8)
        line.withUnsafeBufferPointer { bytes in
            let line = CopyLine(bytes)
            #expect(line.fieldCount == 4)
            #expect(line.string(0) == "a\tb\\c")
            #expect(line.value(1) == nil)
            #expect(line.value(2) == [10, 13, 8, 12, 11])
            #expect(line.value(3) == [])
            #expect(line.value(4) == nil)
        }
    }

    @Test func `binary values are written in hex form with the backslash escaped`() {
        var writer = CopyTextWriter()
        writer.binary([0, 255, 16])
        writer.binary(nil)
        writer.endLine()
        #expect(String(decoding: writer.bytes, as: UTF8.self) == "\\\\x00ff10\t\\N\n")
    }
}
