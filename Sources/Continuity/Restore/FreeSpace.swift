internal import Foundation

/// Whether a restore fits where it shall go: found out before the living bank's disk is filled.
enum FreeSpace {
    /// Replay needs room of its own, and a bank beside it must go on.
    private static let reserveBytes: Int64 = 256 << 20

    static func check(_ set: BackupSet, at directory: String) throws {
        var place = directory
        while !FileManager.default.fileExists(atPath: place), place.count > 1 {
            place = (place as NSString).deletingLastPathComponent
        }
        var facts = statvfs()
        guard statvfs(place, &facts) == 0 else { return }
        if let words = lacking(set.bytes, free: Int64(facts.f_bavail) * Int64(facts.f_frsize)) {
            throw ContinuityError.file("restore \(set.label) to", directory, words)
        }
    }

    static func lacking(_ bytes: Int64, free: Int64) -> String? {
        let needed = bytes + bytes / 10 + reserveBytes
        return needed <= free ? nil : "\(free >> 20) MB are free, \(needed >> 20) MB are needed"
    }
}
