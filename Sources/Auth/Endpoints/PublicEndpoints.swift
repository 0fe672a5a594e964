internal import HTTPTypes
internal import Tokens
internal import Web

/// What anybody may know: state, settings, public keys.
struct PublicEndpoints: Sendable {
    let core: AuthCore

    static let version = "v2.196.0-digitalbank"

    func answer(_ parts: [String]) throws(AuthError) -> ApiResponse {
        switch parts {
        case ["health"]:
            return Reply.json([
                "version": .string(Self.version), "name": "GoTrue",
                "description": "DigitalBank's Auth, compatible with GoTrue: a user registration and authentication API",
            ])
        case ["settings"]: return Reply.json(settings)
        case [".well-known", "jwks.json"]: return cached(core.keys.current.publicJWKS)
        case [".well-known", "openid-configuration"], [".well-known", "oauth-authorization-server"]:
            return cached(discovery)
        default: throw Router.notFound
        }
    }

    private var settings: JSON {
        var external: [JSON.Member] = [
            .init("email", true), .init("phone", false),
            .init("anonymous_users", .bool(core.settings.isAnonymousEnabled)),
        ]
        if let provider = core.settings.provider { external.append(.init(provider.name, true)) }
        return [
            "external": .object(external), "disable_signup": .bool(!core.settings.isSignupEnabled),
            "mailer_autoconfirm": .bool(core.settings.isAutoconfirmed), "phone_autoconfirm": false, "sms_provider": "",
            "saml_enabled": false, "passkeys_enabled": false,
        ]
    }

    private var discovery: JSON {
        let base = core.settings.externalURL
        return [
            "issuer": .string(base), "authorization_endpoint": .string(base + "/authorize"),
            "token_endpoint": .string(base + "/token"), "userinfo_endpoint": .string(base + "/user"),
            "jwks_uri": .string(base + "/.well-known/jwks.json"), "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token", "password"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": .array(
                [core.keys.current.active].compactMap { $0 }.map { .string($0.algorithm.rawValue) }),
            "code_challenge_methods_supported": ["S256", "plain"],
        ]
    }

    private func cached(_ json: JSON) -> ApiResponse {
        var response = ApiResponse.json(json.text)
        response.fields[.cacheControl] = "public, max-age=600"
        return response
    }
}
