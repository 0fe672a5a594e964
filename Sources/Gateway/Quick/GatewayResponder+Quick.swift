internal import HTTPTypes
internal import Monitoring
internal import NIOCore
internal import NIOHTTP1
internal import NIOHTTPTypesHTTP1
internal import Web

/// The short way of a read: the same limits, token, log, figures and headers as the long way, which answers whatever is
/// refused here.
extension GatewayResponder {
    func quick(
        _ head: HTTPRequestHead, peer: String, loop: any EventLoop,
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
        let cancel = answer(request, actor, { work in loop.execute(work) }) { response in
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

    private func reply(_ response: ApiResponse, _ accepted: [String], _ id: String) -> QuickReply {
        var body = response.body
        var headers = HTTPHeaders()
        headers.reserveCapacity(10)
        for field in response.fields { headers.add(name: field.name.rawName, value: field.value) }
        headers.add(name: "X-Request-Id", value: id)
        headers.add(name: "X-Content-Type-Options", value: "nosniff")
        if response.fields[.contentSecurityPolicy] == nil {
            headers.add(name: "Content-Security-Policy", value: Self.contentPolicy)
        }
        if !accepted.isEmpty, body.count >= settings.limits.compressedBytesMin,
            response.fields[.contentEncoding] == nil,
            Gzip.isWanted([.acceptEncoding: accepted.joined(separator: ", ")], response.fields[.contentType]),
            let packed = Gzip.compress(body)
        {
            body = packed
            headers.add(name: "Content-Encoding", value: "gzip")
            headers.add(name: "Vary", value: "Accept-Encoding")
        }
        if response.status != .noContent { headers.add(name: "Content-Length", value: String(body.count)) }
        headers.add(name: "Date", value: dates.text)
        return QuickReply(
            headers: headers,
            status: HTTPResponseStatus(
                statusCode: response.status.code, reasonPhrase: response.status.reasonPhrase),
            body: body.isEmpty ? nil : ByteBuffer(bytes: body))
    }
}

extension HTTPField.Name {
    static let prefer = HTTPField.Name("Prefer") ?? .via
    static let acceptProfile = HTTPField.Name("Accept-Profile") ?? .via
}
