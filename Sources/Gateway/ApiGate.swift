public import Auth
public import BankAPI
internal import HTTPTypes
public import Realtime
public import Rest
public import Tokens
internal import Web

/// Who may pass: tokens are verified, and their sessions must not have been ended.
public struct ApiGate: Sendable {
    let verifier: TokenVerifier
    let sessions: RevokedSessions

    public init(verifier: TokenVerifier, sessions: RevokedSessions) {
        self.verifier = verifier
        self.sessions = sessions
    }

    public var check: TokenCheck {
        { token in
            do throws(TokenError) {
                let actor = try verifier.verify(token)
                // To PostgreSQL the role `none` is whoever connected: no token may become that.
                guard !actor.role.isEmpty, actor.role != "none" else {
                    return .failure(TokenRefusal(code: "PGRST301", message: "the token names no role"))
                }
                if let session = actor.sessionID, sessions.isRevoked(session) {
                    return .failure(
                        TokenRefusal(code: "PGRST301", message: "the session of this token was ended"))
                }
                return .success(actor)
            } catch {
                return .failure(TokenRefusal(code: error.restCode, message: error.message))
            }
        }
    }

    public func mount(_ rest: RestService, at prefix: String = "/rest/v1") -> Mount {
        Mount(
            prefix, quick: { rest.answerQuickly($0, actor: $1, lane: $2, on: $3, then: $4) },
            lane: rest.laneConfiguration
        ) { request, actor in
            guard let actor else {
                return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
            }
            return await rest.handle(request, actor: actor)
        }
    }

    /// The HTTP side of Realtime; its sockets open by `socket`.
    public func mount(_ hub: RealtimeHub) -> Mount {
        Mount(Self.realtimePrefix, bodyBytesMax: (1 << 20) + (16 << 10)) { request, actor in
            guard let actor else {
                return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
            }
            return await hub.handle(request, actor: actor)
        }
    }

    /// `/realtime/v1/websocket?apikey=…&vsn=1.0.0`, or with the cookie of our own pages in place of the key.
    public func socket(
        _ hub: RealtimeHub, cookieToken: (@Sendable (String) -> String?)? = nil
    ) -> SocketMount {
        SocketMount(Self.realtimePrefix + "/websocket", cookieToken: cookieToken) { actor, items, writer in
            let wanted = items.last { $0.name == "vsn" }?.value
            guard let version = wanted.map({ ProtocolVersion(rawValue: $0) }) ?? .one else {
                return .refused(code: 1002, "the protocol versions are 1.0.0 and 2.0.0")
            }
            let session = hub.connect(
                actor: actor, version: version,
                send: { frame in
                    switch frame {
                    case .text(let text): writer.send(.text(text))
                    case .binary(let bytes): writer.send(.binary(bytes))
                    }
                }, close: { writer.close(code: $0, reason: $1) })
            guard let session else { return .refused(code: 1013, "the server is full") }
            return .open(
                SocketHandling(
                    receive: { message in
                        switch message {
                        case .text(let text): await session.receive(text: text)
                        case .binary(let bytes): await session.receive(binary: bytes)
                        }
                    }, closed: { session.closed() }))
        }
    }

    private static let realtimePrefix = "/realtime/v1"

    /// The bank's own operations, and the document that describes them, which needs no token.
    public func mounts(_ bank: BankService) -> [Mount] {
        [
            Mount("/bank/v1") { request, actor in
                guard let actor else {
                    return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                }
                return await bank.handle(request, actor: actor)
            },
            Mount("/bank/v1/openapi.json", needsToken: false) { request, _ in BankService.document(request) },
        ]
    }

    /// Auth answers a bad token in its own words, and knows better which sessions are still there.
    public func mount(_ auth: AuthService) -> Mount {
        // A little more than Auth reads, so that it says itself what is too much.
        Mount("/auth/v1", needsToken: false, bodyBytesMax: (1 << 20) + (16 << 10)) { request, _ in
            guard let header = request.fields[.authorization], header.prefix(7).lowercased() == "bearer " else {
                return await auth.handle(request, actor: nil)
            }
            let actor: Actor
            do throws(TokenError) {
                actor = try verifier.verify(String(header.dropFirst(7)))
            } catch {
                return AuthService.refusal(of: error, for: request)
            }
            if let session = actor.sessionID, sessions.isRevoked(session) {
                return AuthService.isDoor(request)
                    ? await auth.handle(request, actor: nil) : AuthService.refusalOfEndedSession(for: request)
            }
            return await auth.handle(request, actor: actor)
        }
    }
}
