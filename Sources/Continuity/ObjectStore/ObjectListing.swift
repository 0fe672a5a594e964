internal import Foundation

/// One version of one object.
struct ObjectVersion: Sendable, Hashable {
    let key: String
    let version: String
    let bytes: Int64
    let isLatest: Bool
}

/// All versions below a prefix.
struct ObjectListing: Sendable {
    var versions: [ObjectVersion] = []
    /// Keys whose newest version says that they were removed.
    var removed: Set<String> = []

    private static let pagesMax = 5_000

    static func read(_ client: ObjectStoreClient, prefix: String) async throws -> ObjectListing {
        var listing = ObjectListing()
        var marker: (key: String, version: String)?
        for _ in 0..<pagesMax {
            var query = [("encoding-type", "url"), ("max-keys", "1000"), ("prefix", prefix), ("versions", "")]
            if let marker { query += [("key-marker", marker.key), ("version-id-marker", marker.version)] }
            let answer = try await client.send(
                ObjectStoreClient.Request(query: query.map { (name: $0.0, value: $0.1) }))
            guard answer.isDone else {
                throw ContinuityError.storeAnswer("list \(client.place.bucket): \(answer.code)")
            }
            listing.take(answer.body)
            guard XMLText.first("IsTruncated", in: answer.body) == "true",
                let key = XMLText.first("NextKeyMarker", in: answer.body)?.removingPercentEncoding
            else { return listing }
            marker = (key, XMLText.first("NextVersionIdMarker", in: answer.body) ?? "")
        }
        throw ContinuityError.storeAnswer("\(client.place.bucket) holds too many versions")
    }

    mutating func take(_ xml: String) {
        for piece in XMLText.all("Version", in: xml) {
            guard let key = XMLText.first("Key", in: piece)?.removingPercentEncoding,
                let version = XMLText.first("VersionId", in: piece),
                let bytes = XMLText.first("Size", in: piece).flatMap({ Int64($0) })
            else { continue }
            versions.append(
                ObjectVersion(
                    key: key, version: version, bytes: bytes, isLatest: XMLText.first("IsLatest", in: piece) == "true"))
        }
        for piece in XMLText.all("DeleteMarker", in: xml) where XMLText.first("IsLatest", in: piece) == "true" {
            if let key = XMLText.first("Key", in: piece)?.removingPercentEncoding { removed.insert(key) }
        }
    }

    /// The newest version of each file of a repository that is there.
    func current(_ place: BucketPlace) -> [String: ObjectVersion] {
        var found: [String: ObjectVersion] = [:]
        for version in versions where version.isLatest {
            if let name = place.name(of: version.key) { found[name] = version }
        }
        return found
    }
}
