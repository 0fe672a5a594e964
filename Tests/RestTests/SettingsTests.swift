import Rest
import Testing

@Suite struct SettingsTests {
    private func read(_ text: String, _ files: [String: String] = [:]) throws -> PostgRESTSettings {
        try PostgRESTSettings.read(file: text, environment: [:]) { files[$0] }
    }

    @Test func `a secret and an address may stand in files of their own`() throws {
        let settings = try read(
            """
            db-uri = "@/run/secrets/uri"
            jwt-secret = "@/run/secrets/jwt"
            """,
            ["/run/secrets/uri": "postgresql:///films\n", "/run/secrets/jwt": "not the name of the file\r\n\n"])
        #expect(settings.databaseURI == "postgresql:///films")
        #expect(settings.secret == "not the name of the file")
    }

    @Test func `a file that can not be read or is empty stops the start`() throws {
        for name in ["db-uri", "jwt-secret"] {
            #expect(throws: SettingsError.self) { try read("\(name) = \"@/nowhere\"") }
            #expect(throws: SettingsError.self) { try read("\(name) = \"@/empty\"", ["/empty": "\n"]) }
        }
    }
}
