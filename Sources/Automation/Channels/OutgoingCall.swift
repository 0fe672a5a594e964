internal import Foundation
internal import Web

/// One HTTP request that goes out.
struct OutgoingCall: Sendable {
    let address: HTTPAddress
    var headers: [(name: String, value: String)]
    let body: [UInt8]

    static let bodyMax = 256 * 1024

    static func make(
        _ payload: JSON, key: String, scenario: String, to target: Channels.Target, now: Int64
    ) throws -> OutgoingCall {
        var headers = [
            (name: "content-type", value: "application/json"), (name: "user-agent", value: "DigitalBank"),
            (name: "idempotency-key", value: key),
        ]
        let url: String?
        let body: JSON
        switch target.kind {
        case "webhook", "make":
            url = target.settings["url"]?.string
            body = message(payload, scenario)
        case "slack":
            url = target.secret
            body = slack(payload)
        case "teams":
            url = target.secret
            body = teams(payload)
        default:
            url = target.settings["url"]?.string
            body = try sms(payload, target)
            if let secret = target.secret { headers.append((name: "authorization", value: "Bearer \(secret)")) }
        }
        guard let url, let address = HTTPAddress(url) else {
            throw AutomationError.destination(target.name, "it has no address that can be called")
        }
        let bytes = Array(body.text.utf8)
        guard bytes.count <= bodyMax else { throw SendProblem(words: "a body of \(bytes.count) bytes", isFinal: true) }
        if target.kind == "make", let secret = target.secret { headers.append((name: "x-make-apikey", value: secret)) }
        if target.kind == "webhook" {
            headers.append((name: "webhook-id", value: key))
            headers.append((name: "webhook-timestamp", value: "\(now)"))
            if let secret = target.secret {
                headers.append(
                    (
                        name: "webhook-signature",
                        value: try StandardWebhook.signature(id: key, timestamp: now, body: bytes, secrets: secret)
                    ))
            }
        }
        return OutgoingCall(address: address, headers: headers, body: bytes)
    }

    /// Standard Webhooks' `{type, timestamp, data}`.
    private static func message(_ payload: JSON, _ scenario: String) -> JSON {
        let data =
            payload["data"]
            ?? .object(
                (payload.members ?? []).filter { !["action", "at", "type"].contains($0.name) })
        return [
            "type": payload["type"] ?? .string("digitalbank." + scenario.replacing("-", with: "_")),
            "timestamp": payload["at"] ?? .null, "data": data,
        ]
    }

    private static func facts(_ payload: JSON) -> [(name: String, value: String)] {
        (payload["facts"]?.members ?? []).map { ($0.name, $0.value.plain) }
    }

    private static func slack(_ payload: JSON) -> JSON {
        let subject = payload["subject"]?.plain ?? ""
        // The three characters that Slack's text gives a meaning.
        func escape(_ text: String) -> String {
            text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        }
        let text = escape(payload["text"]?.plain ?? "")
        var blocks: [JSON] = []
        if !subject.isEmpty {
            blocks.append([
                "type": "header", "text": ["type": "plain_text", "text": .string(String(subject.prefix(150)))],
            ])
        }
        blocks.append(["type": "section", "text": ["type": "mrkdwn", "text": .string(String(text.prefix(3000)))]])
        let fields = facts(payload).prefix(10).map { fact -> JSON in
            ["type": "mrkdwn", "text": .string("*\(escape(fact.name))*\n\(escape(fact.value))")]
        }
        if !fields.isEmpty { blocks.append(["type": "section", "fields": .array(Array(fields))]) }
        return ["text": .string(subject.isEmpty ? text : escape(subject)), "blocks": .array(blocks)]
    }

    private static func teams(_ payload: JSON) -> JSON {
        var body: [JSON] = []
        if let subject = payload["subject"]?.plain, !subject.isEmpty {
            body.append([
                "type": "TextBlock", "size": "Medium", "weight": "Bolder", "wrap": true, "text": .string(subject),
            ])
        }
        body.append(["type": "TextBlock", "wrap": true, "text": .string(payload["text"]?.plain ?? "")])
        let facts = facts(payload).map { fact -> JSON in ["title": .string(fact.name), "value": .string(fact.value)] }
        if !facts.isEmpty { body.append(["type": "FactSet", "facts": .array(facts)]) }
        let card: JSON = [
            "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "type": "AdaptiveCard", "version": "1.4",
            "body": .array(body),
        ]
        return [
            "type": "message",
            "attachments": [["contentType": "application/vnd.microsoft.card.adaptive", "content": card]],
        ]
    }

    /// The gateway's own form: `settings.body` with the holes `{{to}}` and `{{text}}`.
    private static func sms(_ payload: JSON, _ target: Channels.Target) throws -> JSON {
        let values: JSON = ["to": target.settings["recipient"] ?? .null, "text": .string(payload["text"]?.plain ?? "")]
        guard let form = target.settings["body"] else { return values }
        return try fill(form, values)
    }

    private static func fill(_ form: JSON, _ values: JSON) throws -> JSON {
        switch form {
        case .string(let text): try Template(text).fill(from: values)
        case .array(let list): .array(try list.map { try fill($0, values) })
        case .object(let members): .object(try members.map { JSON.Member($0.name, try fill($0.value, values)) })
        default: form
        }
    }
}

/// An absolute address of HTTP; user names, fragments and other schemes are refused.
struct HTTPAddress: Sendable, Hashable {
    let isSecure: Bool
    let host: String
    let port: Int
    /// Path and query.
    let target: String

    init?(_ text: String) {
        let rest: Substring
        if text.hasPrefix("https://") {
            isSecure = true
            rest = text.dropFirst(8)
        } else if text.hasPrefix("http://") {
            isSecure = false
            rest = text.dropFirst(7)
        } else {
            return nil
        }
        guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), text.utf8.count <= 2000, !text.contains("#") else {
            return nil
        }
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        let authority = rest[..<end]
        guard !authority.contains("@"), !authority.isEmpty else { return nil }
        let tail = String(rest[end...])
        target = tail.hasPrefix("/") ? tail : "/" + tail
        if authority.hasPrefix("[") {
            guard let close = authority.firstIndex(of: "]") else { return nil }
            host = String(authority[authority.index(after: authority.startIndex)..<close])
            let behind = authority[authority.index(after: close)...]
            guard behind.isEmpty || behind.hasPrefix(":") else { return nil }
            guard let port = behind.isEmpty ? (isSecure ? 443 : 80) : Int(behind.dropFirst()) else { return nil }
            self.port = port
        } else {
            let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count <= 2, !parts[0].isEmpty,
                let port = parts.count == 2 ? Int(parts[1]) : (isSecure ? 443 : 80)
            else { return nil }
            host = String(parts[0])
            self.port = port
        }
        guard (1...65_535).contains(port) else { return nil }
    }

    /// The value of `Host`.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
    }
}
