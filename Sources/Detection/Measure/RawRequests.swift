/// Requests written out one after another, as the set CSIC 2010 has them: a request line, headers, an empty line, perhaps
/// a body of one line.
struct RawRequests {
    /// Calls `body` with each request of a file.
    static func each(_ path: String, _ body: (RequestGuard.Request) -> Void) throws {
        let blocks = try BlockSource(path: path)
        let splitter = RecordSplitter(reader: LogReader(ReadingOptions(), year: 2026))
        var request: RequestGuard.Request?
        var isInHead = false
        func take(_ record: Bytes, _ place: LinePlace) {
            let line = record[record.count - 1] == 13 ? record.prefix(record.count - 1) : record
            if let begun = beginning(line) {
                if let request { body(request) }
                (request, isInHead) = (begun, true)
            } else if line.isEmpty {
                isInHead = false
            } else if isInHead {
                if let colon = line.first(58) {
                    add(line.prefix(colon).text, line.from(colon + 1).trimmed.text, to: &request)
                }
            } else {
                request?.body += Array(line.text.utf8)
            }
        }
        while let block = blocks.next() { splitter.take(block, take) }
        splitter.finish(take)
        if let request { body(request) }
    }

    private static func beginning(_ line: Bytes) -> RequestGuard.Request? {
        guard line.hasSuffix(" HTTP/1.1") || line.hasSuffix(" HTTP/1.0"), let method = line.first(32),
            let host = line.find("://"), let slash = line.first(47, from: host + 3)
        else { return nil }
        let target = line[slash, line.count - 9]
        let mark = target.first(63) ?? target.count
        var request = RequestGuard.Request()
        (request.method, request.path) = (line.prefix(method).text, target.prefix(mark).text)
        request.query = target.from(mark + 1).text
        return request
    }

    private static func add(_ name: String, _ value: String, to request: inout RequestGuard.Request?) {
        request?.headers.append((name, value))
        switch name.lowercased() {
        case "user-agent": request?.agent = value
        case "referer": request?.referer = value
        case "cookie": request?.cookie = value
        case "content-type": request?.contentType = value
        default: break
        }
    }
}
