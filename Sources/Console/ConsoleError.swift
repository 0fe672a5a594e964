public import Diagnostics
internal import HTTPTypes
internal import Web

/// Why the console can not be served.
public struct ConsoleError: Fault, Hashable {
    public let code: String
    public let message: String
    public let hint: String

    init(code: String, message: String, hint: String) {
        self.code = code
        self.message = message
        self.hint = hint
    }

    static func resource(_ path: String, _ reason: String) -> ConsoleError {
        ConsoleError(
            code: "console_files_unreadable", message: "the console's file \(path) can not be used: \(reason)",
            hint: "Install the program's .resources folders again.")
    }
}

/// An answer of the bank's API that is no success, or a refusal of the console's own.
struct Refused: Error {
    var status: Int
    var code: String
    var message: String
    var hint: String

    init(_ status: Int, _ code: String, _ message: String, hint: String = "") {
        self.status = status
        self.code = code
        self.message = message
        self.hint = hint
    }

    /// Auth says `error_code` and `msg`, the others `code` and `message`.
    init(_ response: ApiResponse) {
        let json = try? JSONReader.read(response.body)
        status = response.status.code
        code = json?["error_code"]?.string ?? json?["code"]?.string ?? "unexpected"
        message = json?["message"]?.string ?? json?["msg"]?.string ?? "the bank's service gave no answer"
        hint = json?["hint"]?.string ?? ""
    }

    static let notFound = Refused(404, "not_found", "there is no such page")
    static let notYours = Refused(403, "forbidden", "this page is for another role")
}
