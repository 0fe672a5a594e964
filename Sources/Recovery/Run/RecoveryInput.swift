/// Checks of what the operator gave, before anything is written.
public enum RecoveryInput {
    /// Refuses a dump that is missing, empty, or a folder that holds none; and one in which nothing of a dump is found.
    public static func check(_ dump: String) throws {
        _ = try DumpPath.files(of: dump)
        try DumpPath.refuseUnlessDump(dump)
    }
}
