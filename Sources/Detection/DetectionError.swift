public import Diagnostics

/// What can go wrong before or beside a log's own content, which is never an error.
public struct DetectionError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func unreadable(_ path: String, _ why: String) -> DetectionError {
        DetectionError(
            code: "log_unreadable", message: "the log \(path) can not be read: \(why)",
            hint: "Give a file or a folder that this user may read; links are not followed.")
    }

    public static func unwritable(_ path: String, _ why: String) -> DetectionError {
        DetectionError(
            code: "detection_file_unwritable", message: "the file \(path) can not be written: \(why)",
            hint: "Give a path in a folder that exists and that this user may write to.")
    }

    static func rule(_ place: String, _ why: String) -> DetectionError {
        DetectionError(
            code: "detection_rule_invalid", message: "the rule \(place) can not be used: \(why)",
            hint: "Compare it with docs/reference/detection-rules.md and try: digitalbank logs rules test")
    }

    static func engine(_ why: String) -> DetectionError {
        DetectionError(
            code: "detection_engine", message: "the patterns could not be compiled: \(why)",
            hint: "This is a defect of the shipped rules: please report it with the message.")
    }

    public static func option(_ why: String, _ hint: String) -> DetectionError {
        DetectionError(code: "detection_option_invalid", message: why, hint: hint)
    }
}
