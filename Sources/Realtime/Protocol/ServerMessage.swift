internal import Web

/// Writes what the server says, in either version. `payload` is JSON text that we wrote ourselves.
enum ServerMessage {
    static func frame(
        _ version: ProtocolVersion, topic: String, event: String, payload: String, reference: JSON = .null,
        joinReference: JSON = .null
    ) -> RealtimeFrame {
        switch version {
        case .one:
            .text(
                "{\"event\":\(JSONText.quoted(event)),\"payload\":\(payload),\"ref\":\(reference.text),"
                    + "\"topic\":\(JSONText.quoted(topic))}")
        case .two:
            .text(
                "[\(joinReference.text),\(reference.text),\(JSONText.quoted(topic)),\(JSONText.quoted(event)),\(payload)]"
            )
        }
    }

    static func reply(
        _ version: ProtocolVersion, to message: ClientMessage, isOK: Bool, _ response: JSON = .object([])
    ) -> RealtimeFrame {
        let payload: JSON = ["status": isOK ? "ok" : "error", "response": response]
        return frame(
            version, topic: message.topic, event: "phx_reply", payload: payload.text, reference: message.reference,
            joinReference: message.joinReference)
    }

    static func refusal(
        _ version: ProtocolVersion, to message: ClientMessage, _ reason: Refusal
    ) -> RealtimeFrame {
        reply(version, to: message, isOK: false, ["reason": .string(reason.text)])
    }

    /// `system` messages carry what no request asked for: a subscription that lives, a token that ended, a gap.
    static func system(
        _ version: ProtocolVersion, topic: String, extension name: String, isOK: Bool, _ message: String,
        _ more: [JSON.Member] = []
    ) -> RealtimeFrame {
        let channel = topic.hasPrefix("realtime:") ? String(topic.dropFirst("realtime:".count)) : topic
        let members: [JSON.Member] = [
            .init("extension", .string(name)), .init("status", isOK ? "ok" : "error"),
            .init("message", .string(message)), .init("channel", .string(channel)),
        ]
        return frame(version, topic: topic, event: "system", payload: JSON.object(members + more).text)
    }

    private static let userBroadcast: UInt8 = 4

    /// A broadcast whose payload is no JSON: only version 2 can carry it. Nil when a name is too long for it.
    static func binaryBroadcast(topic: String, event: String, payload: [UInt8]) -> RealtimeFrame? {
        let names = [Array(topic.utf8), Array(event.utf8)]
        guard names.allSatisfy({ $0.count <= 255 }) else { return nil }
        var bytes = [userBroadcast, UInt8(names[0].count), UInt8(names[1].count), 0, 0]
        bytes.reserveCapacity(bytes.count + names[0].count + names[1].count + payload.count)
        for name in names { bytes.append(contentsOf: name) }
        bytes.append(contentsOf: payload)
        return .binary(bytes)
    }
}

/// Why a request is refused, as clients read it: `Code: words`.
struct Refusal: Error, Hashable, Sendable {
    let code: String
    let words: String

    init(_ code: String, _ words: String) {
        self.code = code
        self.words = words
    }

    var text: String { "\(code): \(words)" }
}
