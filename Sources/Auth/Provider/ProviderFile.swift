internal import Foundation
internal import Web

/// A provider's settings as an operator writes them: JSON with `issuer`, `client_id`, `client_secret` (or
/// `client_secret_file`), and if wanted `name`, `scopes`, `audiences` and the three addresses. Addresses that are left out are
/// asked of the issuer (OpenID Connect Discovery 1.0, section 4), once, at the start.
public enum ProviderFile {
    private static let known: Set<String> = [
        "name", "issuer", "client_id", "client_secret", "client_secret_file", "scopes", "audiences",
        "authorization_endpoint", "token_endpoint", "jwks_uri",
    ]
    private static let bytesMax = 65_536

    /// - Throws: `AuthFault` that names the file and what is wrong in it.
    public static func load(_ path: String, fetch: @escaping ProviderFetch) async throws -> ProviderSettings {
        let json = try read(path)
        func text(_ name: String) throws -> String? {
            guard let value = json[name], !value.isNull else { return nil }
            guard let text = value.string, !text.isEmpty else { throw wrong(path, "\(name) is no text") }
            return text
        }
        func needed(_ name: String) throws -> String {
            guard let text = try text(name) else { throw wrong(path, "\(name) is missing") }
            return text
        }
        let issuer = try address(needed("issuer"), "issuer", path)
        let name = try text("name") ?? "oidc"
        guard name.count <= 40, name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 95 })
        else { throw wrong(path, "name has other characters than a to z, 0 to 9 and _") }
        let names = ["authorization_endpoint", "token_endpoint", "jwks_uri"]
        var places = try names.map { try text($0) }
        if places.contains(where: { $0 == nil }) {
            let found = try await discover(issuer, path, fetch)
            for (index, name) in names.enumerated() where places[index] == nil {
                guard let place = found[name]?.string else {
                    throw wrong(path, "the issuer's document names no \(name)")
                }
                places[index] = place
            }
        }
        let checked = try zip(places, names).map { try address($0 ?? "", $1, path) }
        var settings = ProviderSettings(
            name: name, issuer: issuer, clientID: try needed("client_id"), clientSecret: try secret(text, path),
            authorizationEndpoint: checked[0], tokenEndpoint: checked[1], keysURL: checked[2])
        if let scopes = try text("scopes") { settings.scopes = scopes }
        settings.otherAudiences = json["audiences"]?.array?.compactMap(\.string) ?? []
        settings.fetch = fetch
        return settings
    }

    /// With the program's own way of asking.
    public static func load(_ path: String) async throws -> ProviderSettings {
        try await load(path, fetch: ProviderNetwork.fetch)
    }

    private static func read(_ path: String) throws -> JSON {
        guard let bytes = FileManager.default.contents(atPath: path), bytes.count <= bytesMax else {
            throw wrong(path, "it can not be read")
        }
        guard let json = try? JSONReader.read(Array(bytes)), let members = json.members else {
            throw wrong(path, "it holds no JSON object")
        }
        if let odd = members.first(where: { !known.contains($0.name) }) {
            throw wrong(path, "\(odd.name.prefix(40)) is no setting of a provider")
        }
        return json
    }

    private static func secret(_ text: (String) throws -> String?, _ path: String) throws -> String {
        if let secret = try text("client_secret") { return secret }
        guard let file = try text("client_secret_file") else {
            throw wrong(path, "client_secret and client_secret_file are missing")
        }
        let place = file.hasPrefix("/") ? file : (path as NSString).deletingLastPathComponent + "/" + file
        guard let bytes = FileManager.default.contents(atPath: place), bytes.count <= 4096 else {
            throw wrong(path, "client_secret_file \(file) can not be read")
        }
        let secret = String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
        guard !secret.isEmpty else { throw wrong(path, "client_secret_file \(file) is empty") }
        return secret
    }

    /// Without TLS anybody on the way signs in as anybody; only this machine itself is spoken to so.
    private static func address(_ text: String, _ name: String, _ path: String) throws -> String {
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty, parts.fragment == nil,
            parts.scheme == "https" || parts.scheme == "http" && ["127.0.0.1", "localhost", "::1"].contains(host)
        else { throw wrong(path, "\(name) is no https address") }
        return text
    }

    private static func discover(_ issuer: String, _ path: String, _ fetch: ProviderFetch) async throws -> JSON {
        let base = issuer.hasSuffix("/") ? String(issuer.dropLast()) : issuer
        let found: JSON
        do {
            found = try JSONReader.read(try await fetch(base + "/.well-known/openid-configuration", nil))
        } catch {
            throw wrong(path, "the issuer's document of addresses could not be had (\(error))")
        }
        guard found["issuer"]?.string == issuer else { throw wrong(path, "the issuer calls itself otherwise") }
        return found
    }

    private static func wrong(_ path: String, _ what: String) -> AuthFault {
        AuthFault(
            code: "provider_file_invalid", message: "\(path): \(what)",
            hint: "See the settings of a provider in docs/reference/auth.md.")
    }
}
