internal import Cryptography
internal import Foundation
internal import HTTPTypes
internal import Web

/// Style sheet, scripts and icons. Their addresses carry a digest of all of them, so that browsers keep them for ever.
struct Assets: Sendable {
    let version: String
    private let files: [String: (type: String, bytes: [UInt8])]

    private static let types = [
        "css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8", "svg": "image/svg+xml",
        "png": "image/png", "webmanifest": "application/manifest+json",
    ]

    init(folder: String) throws {
        var files: [String: (type: String, bytes: [UInt8])] = [:]
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder))?.sorted() ?? []
        var all: [UInt8] = []
        for name in names {
            guard let type = name.split(separator: ".").last.flatMap({ Self.types[String($0)] }) else { continue }
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else {
                throw ConsoleError.resource(folder + "/" + name, "it can not be read")
            }
            files[name] = (type, Array(data))
            all += Array(name.utf8) + Array(data)
        }
        guard files["console.css"] != nil else { throw ConsoleError.resource(folder, "console.css is not in it") }
        self.files = files
        version = String(SHA256.hash(all).hex.prefix(12))
    }

    /// `/assets/{version}/{name}`; another version is answered too, but not kept.
    func answer(_ path: String) -> ApiResponse? {
        let parts = path.split(separator: "/")
        guard parts.count == 3, parts[0] == "assets", let file = files[String(parts[2])] else { return nil }
        var response = ApiResponse(status: .ok, fields: [.contentType: file.type], body: file.bytes)
        response.fields[.cacheControl] =
            parts[1] == version ? "public, max-age=31536000, immutable" : "no-store"
        return response
    }
}
