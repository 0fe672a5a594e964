/// Why a request is refused, in OData's own terms.
public struct ODataProblem: Error, Hashable, Sendable {
    public let status: Int
    public let code: String
    public let message: String

    public init(status: Int, code: String, message: String) {
        self.status = status
        self.code = code
        self.message = message
    }

    /// - Parameter place: the byte of the option's text that is wrong.
    static func invalid(_ message: String, at place: Int? = nil) -> ODataProblem {
        ODataProblem(
            status: 400, code: "odata_invalid", message: place.map { "\(message) (at character \($0))" } ?? message)
    }

    static func unsupported(_ what: String) -> ODataProblem {
        ODataProblem(status: 501, code: "odata_unsupported", message: "\(what) is not supported here")
    }

    static func notFound(_ what: String) -> ODataProblem {
        ODataProblem(status: 404, code: "odata_not_found", message: "there is no \(what)")
    }

    static let expired = ODataProblem(
        status: 410, code: "odata_page_expired",
        message: "this page token is too old or was not given here: begin again")

    static let methodNotAllowed = ODataProblem(
        status: 405, code: "odata_method", message: "figures are only read: use GET, or POST to $batch")

    static let unavailable = ODataProblem(
        status: 503, code: "odata_unavailable", message: "the figures can not be read now; try again in a moment")
}
