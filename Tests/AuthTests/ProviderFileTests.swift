import Auth
import Foundation
import Testing

@Suite struct ProviderFileTests {
    private static let issuer = "https://login.provider.example/realm"
    private static let document = """
        {"issuer": "\(issuer)", "authorization_endpoint": "\(issuer)/auth", "token_endpoint": "\(issuer)/token",
         "jwks_uri": "\(issuer)/keys"}
        """

    private func load(
        _ text: String, secret: String? = nil, answer: String = document
    ) async throws -> ProviderSettings {
        let folder = FileManager.default.temporaryDirectory.path + "/provider-\(UInt64.random(in: .min ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        try Data(text.utf8).write(to: URL(filePath: folder + "/oidc.json"))
        if let secret { try Data(secret.utf8).write(to: URL(filePath: folder + "/secret")) }
        return try await ProviderFile.load(folder + "/oidc.json") { _, _ in Array(answer.utf8) }
    }

    @Test("a file with the issuer and the client is enough: the issuer names its addresses")
    func discovered() async throws {
        let settings = try await load(
            #"{"name": "keycloak", "issuer": "\#(Self.issuer)", "client_id": "bank", "client_secret_file": "secret"}"#,
            secret: "hush\n")
        #expect(settings.name == "keycloak" && settings.clientSecret == "hush")
        #expect(settings.tokenEndpoint == Self.issuer + "/token" && settings.keysURL == Self.issuer + "/keys")
    }

    @Test(
        "what is wrong with a file is said, with its name",
        arguments: [
            (
                #"{"issuer": "http://login.provider.example", "client_id": "b", "client_secret": "s"}"#,
                "no https address"
            ),
            (#"{"issuer": "\#(issuer)", "client_secret": "s"}"#, "client_id is missing"),
            (#"{"issuer": "\#(issuer)", "client_id": "b"}"#, "client_secret and client_secret_file"),
            (#"{"issuer": "\#(issuer)", "client_id": "b", "client_secret_file": "absent"}"#, "can not be read"),
            (
                #"{"issuer": "\#(issuer)", "client_id": "b", "client_secret": "s", "clientid": "b"}"#,
                "clientid is no setting"
            ),
            (#"{"issuer": "\#(issuer)", "name": "a/b", "client_id": "b", "client_secret": "s"}"#, "other characters"),
            ("[]", "no JSON object"), ("", "no JSON object"),
        ])
    func wrong(text: String, words: String) async {
        await #expect {
            _ = try await load(text)
        } throws: { error in
            let fault = error as? AuthFault
            return fault?.code == "provider_file_invalid" && fault?.message.contains(words) == true
                && fault?.message.contains("oidc.json") == true
        }
    }

    @Test("an issuer that calls itself otherwise is not believed")
    func otherIssuer() async {
        let document = Self.document.replacing("\"issuer\": \"https://login", with: "\"issuer\": \"https://evil")
        await #expect(throws: AuthFault.self) {
            _ = try await load(
                #"{"issuer": "\#(Self.issuer)", "client_id": "bank", "client_secret": "s"}"#, answer: document)
        }
    }
}
