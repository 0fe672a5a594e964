internal import Web

/// What a client said. Everything in it was parsed; nothing is passed on as the bytes it came in.
struct ClientMessage: Sendable, Hashable {
    var joinReference: JSON
    /// Echoed in the reply: text, a number or null.
    var reference: JSON
    var topic: String
    var event: String
    var payload: JSON
    /// The bytes of a broadcast that is no JSON.
    var bytes: [UInt8]?
}

/// Why a frame is no message.
struct MalformedMessage: Error, Hashable {
    let reason: String
}

extension ClientMessage {
    private static let referenceBytesMax = 64
    private static let depthMax = 64

    static func parse(_ text: String, _ version: ProtocolVersion) throws(MalformedMessage) -> ClientMessage {
        let value: JSON
        do throws(JSONError) {
            value = try JSONReader.read(Array(text.utf8), depthMax: depthMax)
        } catch {
            throw MalformedMessage(reason: error.description)
        }
        switch version {
        case .one:
            guard value.members != nil else { throw MalformedMessage(reason: "not an object") }
            return try make(
                value["join_ref"] ?? .null, value["ref"] ?? .null, value["topic"], value["event"], value["payload"])
        case .two:
            guard let parts = value.array, parts.count == 5 else {
                throw MalformedMessage(reason: "not an array of five")
            }
            return try make(parts[0], parts[1], parts[2], parts[3], parts[4])
        }
    }

    private static func make(
        _ joinReference: JSON, _ reference: JSON, _ topic: JSON?, _ event: JSON?, _ payload: JSON?
    ) throws(MalformedMessage) -> ClientMessage {
        guard let topic = topic?.string, let event = event?.string else {
            throw MalformedMessage(reason: "topic or event is missing")
        }
        guard isReference(joinReference), isReference(reference) else {
            throw MalformedMessage(reason: "a reference is not a short text or number")
        }
        return ClientMessage(
            joinReference: joinReference, reference: reference, topic: topic, event: event,
            payload: payload ?? .object([]),
            bytes: nil)
    }

    private static func isReference(_ value: JSON) -> Bool {
        switch value {
        case .null: true
        case .string(let text), .number(let text): text.utf8.count <= referenceBytesMax
        default: false
        }
    }

    // MARK: Binary

    private static let userBroadcastPush: UInt8 = 3
    private static let jsonEncoding: UInt8 = 1

    /// "User broadcast push": six lengths and an encoding, five texts, then the payload.
    static func parse(binary bytes: [UInt8]) throws(MalformedMessage) -> ClientMessage {
        guard bytes.count >= 7, bytes[0] == userBroadcastPush else {
            throw MalformedMessage(reason: "a binary frame that is no broadcast")
        }
        var rest = bytes[7...]
        var texts: [String] = []
        for length in bytes[1...5].map(Int.init) {
            guard rest.count >= length, let text = String(validating: rest.prefix(length), as: UTF8.self) else {
                throw MalformedMessage(reason: "a binary frame cut short, or with text that is no UTF-8")
            }
            texts.append(text)
            rest = rest.dropFirst(length)
        }
        // join_ref, ref, topic, the user's event, metadata: the last is the client's own and is not passed on.
        var members: [JSON.Member] = [.init("type", "broadcast"), .init("event", .string(texts[3]))]
        var opaque: [UInt8]?
        switch bytes[6] {
        case jsonEncoding:
            do throws(JSONError) {
                members.append(.init("payload", try JSONReader.read(Array(rest), depthMax: depthMax)))
            } catch {
                throw MalformedMessage(reason: error.description)
            }
        case 0: opaque = Array(rest)
        default: throw MalformedMessage(reason: "a binary frame of an unknown encoding")
        }
        return ClientMessage(
            joinReference: texts[0].isEmpty ? .null : .string(texts[0]),
            reference: texts[1].isEmpty ? .null : .string(texts[1]), topic: texts[2], event: "broadcast",
            payload: .object(members), bytes: opaque)
    }
}
