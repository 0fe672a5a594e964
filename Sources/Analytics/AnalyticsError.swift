public import Diagnostics

/// Why figures can not be given, or a project or report not be made.
public struct AnalyticsError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    static func measures(_ what: String) -> AnalyticsError {
        AnalyticsError(
            code: "bi_measures_invalid", message: "the measures are wrong: \(what)",
            hint: "Mend rules/measures.yml and try it with: digitalbank bi check")
    }

    static func unknownMeasure(_ name: String) -> AnalyticsError {
        AnalyticsError(
            code: "bi_measure_unknown", message: "there is no measure \(name)",
            hint: "See the names at /bi/v1/measures.")
    }

    static func date(_ text: String) -> AnalyticsError {
        AnalyticsError(
            code: "bi_date_invalid", message: "\(text) is no date", hint: "Write the day as 2026-03-31.")
    }

    static func file(_ path: String) -> AnalyticsError {
        AnalyticsError(
            code: "bi_file_unwritable", message: "the file \(path) can not be written",
            hint: "Check the folder's permissions and the room on its disk.")
    }

    static func token(_ what: String) -> AnalyticsError {
        AnalyticsError(
            code: "bi_token_invalid", message: what,
            hint: "Give a name of up to 80 characters and 1 to 400 days of life.")
    }
}
