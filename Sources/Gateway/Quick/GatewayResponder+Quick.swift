internal import HTTPTypes
internal import Monitoring
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1
internal import Postgres
internal import Web

/// The short way of a read: the same limits, token, log, figures and headers as the long way, which answers whatever is
/// refused here.
extension GatewayResponder {
    func quick(
        _ head: HTTPRequestHead, peer: String, loop: any EventLoop, lane: (any FlightLane)?,
        deliver: @escaping @Sendable (QuickReply) -> Void
    ) -> (@Sendable () -> Void)? {
        let start = ContinuousClock.now
        let path = head.uri
        guard path.utf8.first == UInt8(ascii: "/"), path.utf8.count <= settings.limits.targetBytesMax,
            settings.origins.isEmpty || !head.headers.contains(name: "origin")
        else { return nil }
        let mark = path.utf8.firstIndex(of: UInt8(ascii: "?"))
        let place = mark.map { path[..<$0] } ?? path[...]
        guard let (mount, rest) = mount(at: place), let answer = mount.quick, let actor = actor(head.headers) else {
            return nil
        }
        guard metrics.begin() <= settings.limits.requestsInFlightMax else {
            metrics.end()
            return nil
        }
        let id = RequestName.of(head.headers.first(name: "x-request-id"))
        var entry = AccessLog.Entry(
            id: id, method: "GET", mount: mount.prefix, path: rest,
            address: address(peer) { head.headers["x-forwarded-for"] })
        entry.role = actor.role
        entry.session = actor.sessionID
        guard settings.isBanned?(entry.address) != true else {
            metrics.end()
            return nil
        }
        let query = mark.map { String(path[path.utf8.index(after: $0)...]) } ?? ""
        let request = ApiRequest(
            method: .get, path: rest, query: query, fields: Self.shapingFields(head.headers),
            remoteAddress: entry.address, id: id)
        if let inspection = settings.inspection {
            var whole = request
            whole.fields = HTTPFields(head.headers, splitCookie: false)
            whole.path = mount.prefix + rest
            // The long way says what is refused, and notes it.
            guard !inspection.suspects(whole) else {
                metrics.end()
                return nil
            }
        }
        let accepted = head.headers["accept-encoding"]
        let sent = entry
        let cancel = answer(request, actor, lane, { work in loop.execute(work) }) { response in
            let reply = self.reply(response, accepted, id)
            var entry = sent
            entry.status = response.status.code
            entry.time = ContinuousClock.now - start
            entry.bytes = response.body.count
            self.metrics.record(
                mount: entry.mount, path: entry.path, method: "GET", status: entry.status, time: entry.time, id: id)
            self.metrics.end()
            self.metrics.wasQuick()
            self.log.write(entry)
            deliver(reply)
        }
        if cancel == nil { metrics.end() }
        return cancel
    }

    /// Nil for tokens that are refused, which the long way says, and for those in places where it looks for them.
    private func actor(_ headers: HTTPHeaders) -> Actor? {
        let bearers = headers["authorization"]
        guard bearers.count <= 1 else { return nil }
        let token: Substring
        if let bearer = bearers.first {
            guard bearer.utf8.count > 7, bearer.utf8.prefix(7).elementsEqual("Bearer ".utf8) else { return nil }
            token = bearer.dropFirst(7)
        } else {
            let keys = headers["apikey"]
            guard keys.count == 1 else { return nil }
            token = keys[0][...]
        }
        return try? tokens(String(token)).get()
    }

    /// The headers that shape an answer.
    private static func shapingFields(_ headers: HTTPHeaders) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in headers {
            switch name.utf8.count {
            case 6 where name.lowercased() == "accept": fields.append(HTTPField(name: .accept, value: value))
            case 6 where name.lowercased() == "prefer": fields.append(HTTPField(name: .prefer, value: value))
            case 5 where name.lowercased() == "range": fields.append(HTTPField(name: .range, value: value))
            case 14 where name.lowercased() == "accept-profile":
                fields.append(HTTPField(name: .acceptProfile, value: value))
            default: continue
            }
        }
        return fields
    }

    /// The whole answer as it is written to the socket.
    private func reply(_ response: ApiResponse, _ accepted: [String], _ id: String) -> QuickReply {
        var body = response.body
        var isPacked = false
        if !accepted.isEmpty, body.count >= settings.limits.compressedBytesMin,
            response.fields[.contentEncoding] == nil,
            Gzip.isWanted([.acceptEncoding: accepted.joined(separator: ", ")], response.fields[.contentType]),
            let packed = Gzip.compress(body)
        {
            body = packed
            isPacked = true
        }
        var bytes = ByteBuffer()
        bytes.reserveCapacity(512 + body.count)
        if response.status.code == 200 {
            bytes.writeStaticString("HTTP/1.1 200 OK\r\n")
        } else {
            bytes.writeString("HTTP/1.1 \(response.status.code) \(response.status.reasonPhrase)\r\n")
        }
        for field in response.fields {
            bytes.writeString(field.name.rawName)
            bytes.writeStaticString(": ")
            bytes.writeString(field.value)
            bytes.writeStaticString("\r\n")
        }
        bytes.writeStaticString("X-Request-Id: ")
        bytes.writeString(id)
        bytes.writeStaticString("\r\nX-Content-Type-Options: nosniff\r\n")
        if response.fields[.contentSecurityPolicy] == nil {
            bytes.writeStaticString("Content-Security-Policy: ")
            bytes.writeString(Self.contentPolicy)
            bytes.writeStaticString("\r\n")
        }
        if isPacked { bytes.writeStaticString("Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n") }
        if response.status != .noContent {
            bytes.writeStaticString("Content-Length: ")
            bytes.writeString(String(body.count))
            bytes.writeStaticString("\r\n")
        }
        bytes.writeStaticString("Date: ")
        bytes.writeString(dates.text)
        bytes.writeStaticString("\r\n\r\n")
        bytes.writeBytes(body)
        return QuickReply(bytes: bytes)
    }
}

extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer") ?? .via
    static let acceptProfile = HTTPField.Name("Accept-Profile") ?? .via
}
