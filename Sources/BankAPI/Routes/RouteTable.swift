internal import HTTPTypes
internal import Web

/// Every endpoint, and how a request finds its own.
enum RouteTable {
    static let all: [Route] =
        AccountEndpoints.routes + StatementEndpoints.routes + TransferEndpoints.routes + BeneficiaryEndpoints.routes
        + CardEndpoints.routes + StandingOrderEndpoints.routes + PaymentFileEndpoint.routes + RevealEndpoints.routes
        + AlertEndpoints.routes + DenialEndpoint.routes

    /// The endpoint and what its path names. Literal segments win over parameters.
    static func find(_ method: HTTPRequest.Method, _ path: String) throws -> (Route, [String: String]) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
        let names = parts.map { QueryItems.decodePath($0) }
        let known = names.compactMap { $0 }
        guard known.count == names.count, !known.contains(""), known.count <= 4 else { throw unknown }
        let here = all.compactMap { route in route.match(known).map { (route, $0) } }
        let fewest = here.map { $0.1.count }.min()
        let closest = here.filter { $0.1.count == fewest }
        guard let found = closest.first(where: { $0.0.method == method }) else {
            guard !closest.isEmpty else { throw unknown }
            var refusal = BankProblem(
                405, code: "method_not_allowed", message: "this address does not take \(method.rawValue)",
                hint: "Use one of the methods that the header Allow names.")
            refusal.allow = closest.map(\.0.method.rawValue).joined(separator: ", ")
            throw refusal
        }
        return found
    }

    private static let unknown = BankProblem(
        404, code: "not_found", message: "nothing is served at this address",
        hint: "See the addresses in /bank/v1/openapi.json.")
}
