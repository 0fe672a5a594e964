internal import Foundation

/// Programs of the machine.
public enum Tools {
    /// The full path of a program on the usual paths; nil when it is not installed.
    public static func find(_ name: String) -> String? {
        ["/usr/local/bin", "/usr/bin", "/bin"].map { $0 + "/" + name }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }
}
