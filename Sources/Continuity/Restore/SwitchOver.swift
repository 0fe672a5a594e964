internal import Foundation
internal import Postgres
internal import PostgresServer

extension RestoreDesk {
    public struct Switched: Sendable {
        public let lines: [String]
        /// Nothing is left to be done by hand.
        public let isWhole: Bool
    }

    /// Puts a restored cluster in the living one's place, which is kept beside. Both are stopped meanwhile. When the restored one
    /// does not come up there, the one before is put back and started. A switch that was killed is ended first.
    ///
    /// - Parameter despiteFailed: although a check of it failed, or nobody checked it.
    public func switchOver(to directory: String, despiteFailed: Bool = false) async throws -> Switched {
        let place = desk.folder.cluster
        let directory = URL(filePath: directory).standardizedFileURL.path
        var lines: [String] = []
        if let begun = try desk.journal.unfinishedSwitch() {
            let ended = try await SwitchCourse(desk: desk, begun: begun, fault: fault).resume()
            lines = ended.lines
            if !FileManager.default.fileExists(atPath: directory) {
                return Switched(lines: lines, isWhole: ended.isWhole)
            }
        }
        let entry = try desk.journal.entries().last {
            $0.kind == .restored && URL(filePath: $0.subject).standardizedFileURL.path == directory
        }
        try Self.checkVerdict(entry, directory, despiteFailed)
        try Self.checkDisk(directory, place)
        let course = SwitchCourse(
            desk: desk, directory: directory, stamp: stamp, reached: entry?.fields["reached"] ?? "", fault: fault)
        let switched = try await course.run()
        return Switched(lines: lines + switched.lines, isWhole: switched.isWhole)
    }

    private var stamp: String {
        Moment.text(Int64(desk.now().timeIntervalSince1970)).replacing(":", with: "").replacing("-", with: "")
    }

    private static func checkVerdict(_ entry: ContinuityJournal.Entry?, _ directory: String, _ despiteFailed: Bool)
        throws
    {
        let failed = entry.map { $0.fields["failed"] ?? "" }
        guard !despiteFailed, failed?.isEmpty != true else { return }
        throw ContinuityError(
            code: "restored_not_sound",
            message: failed.map { "\(directory) failed its checks: \($0)" }
                ?? "\(directory) was not checked by a restore",
            hint: "Restore to another moment, or say --despite-failed-checks.", exitStatus: .unsound)
    }

    /// A folder is moved within one file system only; found out before anything is stopped.
    private static func checkDisk(_ directory: String, _ place: String) throws {
        var from = stat()
        var to = stat()
        let parent = (place as NSString).deletingLastPathComponent
        guard stat(directory, &from) == 0, stat(parent, &to) == 0 else {
            throw ContinuityError.file("read", directory, String(cString: strerror(errno)))
        }
        guard from.st_dev == to.st_dev else {
            throw ContinuityError(
                code: "restored_on_another_disk", message: "\(directory) is not on the disk of \(place)",
                hint: "Restore to a folder beside it: digitalbank restore --into \(parent)/restored.",
                exitStatus: .conflict)
        }
    }
}

extension ContinuityJournal {
    /// The switch that was begun last, where nothing says how it ended.
    func unfinishedSwitch() throws -> Entry? {
        let last = try entries().last {
            $0.kind == .switching || $0.kind == .switchedBack || $0.kind == .restored && $0.fields["switched"] != nil
        }
        return last?.kind == .switching ? last : nil
    }
}
