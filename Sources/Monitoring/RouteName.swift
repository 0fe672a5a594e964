/// The name of a request's route in figures: its path with what changes from one request to the next taken out.
enum RouteName {
    static let other = "other"
    private static let segmentsMax = 6
    private static let bytesMax = 80

    /// `/accounts/42/statement` is `/accounts/{id}/statement`. Words of letters, hyphens and underscores stay.
    static func of(_ path: String) -> String {
        if path.utf8.count <= bytesMax, path.utf8.allSatisfy({ isLetter($0) || $0 == UInt8(ascii: "/") }) {
            return path
        }
        let segments = path.split(separator: "/", omittingEmptySubsequences: true)
        guard segments.count <= segmentsMax else { return other }
        let names = segments.map { $0.utf8.count <= 40 && $0.utf8.allSatisfy(isLetter) ? String($0) : "{id}" }
        let name = "/" + names.joined(separator: "/")
        return name.utf8.count <= bytesMax ? name : other
    }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (byte >= 97 && byte <= 122) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
    }
}
