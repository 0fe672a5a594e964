internal import HTTPTypes
internal import Postgres
internal import Synchronization
public import Web

/// Broadcasts by HTTP: `/api/broadcast` and `/api/broadcast/{topic}/events/{event}`.
extension RealtimeHub {
    private struct Outgoing {
        let key: TopicKey
        let event: String
        let payload: JSON
    }

    private static let batchMax = 100

    /// Answers below the mount point `/realtime/v1`. 202 once every message has been handed to the members' sockets;
    /// 422 for a body that cannot be read, 403 when one message may not be sent: then none is.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        let parts = request.path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard parts.count >= 2, parts[0] == "api", parts[1] == "broadcast", parts.count == 2 || parts.count == 5 else {
            return Self.refusal(.notFound, Refusal("NotFound", "there is nothing at this path"))
        }
        guard request.method == .post else {
            return Self.refusal(.methodNotAllowed, Refusal("MethodNotAllowed", "send it by POST"))
        }
        guard Self.isUsable(actor) else { return Self.refusal(.forbidden, Refusal("Unauthorized", "unknown role")) }
        do throws(Refusal) {
            let messages = parts.count == 2 ? try batch(request) : try single(request, parts)
            guard
                settings.trustedRoles.contains(actor.role)
                    || senders.take(messages.count, actor, address: request.remoteAddress)
            else { throw Refusal("ClientRateLimitReached", "too many messages a second") }
            try await authorize(messages, actor)
            for message in messages { send(message.payload, event: message.event, on: message.key, except: nil) }
            return ApiResponse(status: .accepted)
        } catch {
            let status: HTTPResponse.Status =
                switch error.code {
                case "Unauthorized", "PrivateOnly": .forbidden
                case "DatabaseUnavailable": .serviceUnavailable
                case "ClientRateLimitReached": .tooManyRequests
                default: .unprocessableContent
                }
            return Self.refusal(status, error)
        }
    }

    private static func refusal(_ status: HTTPResponse.Status, _ reason: Refusal) -> ApiResponse {
        let body: JSON = ["error": .string(reason.code), "message": .string(reason.words)]
        var response = ApiResponse.json(body.text, status: status)
        if status == .tooManyRequests { response.fields[.retryAfter] = "1" }
        return response
    }

    private func read(_ body: [UInt8]) throws(Refusal) -> JSON {
        guard body.count <= settings.limits.frameBytesMax else {
            throw Refusal("PayloadTooLarge", "a body may have \(settings.limits.frameBytesMax) bytes")
        }
        do throws(JSONError) {
            return try JSONReader.read(body, depthMax: 64)
        } catch {
            throw Refusal("InvalidBody", "the body is no JSON: \(error)")
        }
    }

    private func batch(_ request: ApiRequest) throws(Refusal) -> [Outgoing] {
        guard let entries = try read(request.body)["messages"]?.array, !entries.isEmpty else {
            throw Refusal("InvalidBody", "messages is missing, or no list, or empty")
        }
        guard entries.count <= Self.batchMax else {
            throw Refusal("InvalidBody", "more than \(Self.batchMax) messages")
        }
        var messages: [Outgoing] = []
        for entry in entries {
            guard let topic = entry["topic"]?.string, let event = entry["event"]?.string,
                let payload = entry["payload"], payload.members != nil
            else { throw Refusal("InvalidBody", "a message needs topic, event and payload (an object)") }
            messages.append(
                try outgoing(topic, event, payload, isPrivate: entry["private"]?.bool ?? false))
        }
        return messages
    }

    private func single(_ request: ApiRequest, _ parts: [String]) throws(Refusal) -> [Outgoing] {
        guard parts[3] == "events", let topic = QueryItems.decodePath(parts[2]),
            let event = QueryItems.decodePath(parts[4])
        else { throw Refusal("InvalidBody", "the path is /api/broadcast/{topic}/events/{event}") }
        let isPrivate = QueryItems.parse(request.query)?.contains { $0.name == "private" && $0.value == "true" }
        return [try outgoing(topic, event, try read(request.body), isPrivate: isPrivate ?? false)]
    }

    private func outgoing(
        _ topic: String, _ event: String, _ payload: JSON, isPrivate: Bool
    ) throws(Refusal) -> Outgoing {
        let max = settings.limits.topicBytesMax
        for name in [topic, event] where name.isEmpty || name.utf8.count > max || name.utf8.contains(0) {
            throw Refusal("InvalidBody", "a topic or an event is empty or longer than \(max) bytes")
        }
        return Outgoing(key: TopicKey(isPrivate: isPrivate, name: topic), event: event, payload: payload)
    }

    private func authorize(_ messages: [Outgoing], _ actor: Actor) async throws(Refusal) {
        for key in Set(messages.map(\.key)) {
            guard key.isPrivate else {
                guard settings.allowsPublicChannels else {
                    throw Refusal("PrivateOnly", "this server has private channels only")
                }
                continue
            }
            let rights: ChannelRights
            do {
                rights = try await channels.rights(on: key.name, role: actor.role, claims: actor.claims)
            } catch {
                throw Refusal("DatabaseUnavailable", "the rights could not be checked; try again")
            }
            guard rights.writesBroadcast else {
                throw Refusal("Unauthorized", "you may not send to the private channel \(key.name)")
            }
        }
    }
}
