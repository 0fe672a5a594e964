public import Analytics
internal import Foundation
internal import HTTPTypes
public import Web

/// `/bi/odata` and `/bi/v1`: decodes, calls the figures, encodes.
public struct AnalyticsRoutes: Sendable {
    private static let readers: Set<String> = ["analyst", "admin"]

    private let analytics: AnalyticsService
    private let odata: ODataService
    private let tokens: BITokenStore
    /// What clients call the server by: `https://bank.example`.
    private let address: String

    /// - Parameter clock: seconds since 1970.
    public init(
        analytics: AnalyticsService, tokens: BITokenStore, address: String, clock: @escaping @Sendable () -> Int64
    ) {
        self.analytics = analytics
        odata = ODataService(analytics, clock: clock)
        self.tokens = tokens
        self.address = address
    }

    public var mounts: [Mount] {
        [
            Mount("/bi/odata", needsToken: false) { request, actor in
                if let refusal = await refusal(request, actor) { return refusal }
                return await odata.handle(request, root: address + "/bi/odata")
            },
            Mount("/bi/v1", needsToken: false) { request, actor in
                if let refusal = await refusal(request, actor) { return refusal }
                return await handle(figures: request)
            },
        ]
    }

    /// A BI token as the password of Basic, or a sign-in of an analyst or admin.
    private func refusal(_ request: ApiRequest, _ actor: Actor?) async -> ApiResponse? {
        if let actor {
            let claims = try? JSONReader.read(actor.claims)
            let role = claims?["app_metadata"]?["role"]?.string ?? actor.role
            guard actor.role == "service_role" || (actor.role == "authenticated" && Self.readers.contains(role)) else {
                return Self.problem(.forbidden, "bi_forbidden", "figures are for analysts and admins")
            }
            return nil
        }
        guard let token = Self.password(request.fields[.authorization]) else {
            return Self.unauthorized("a BI token is missing: give it as the password of Basic")
        }
        do {
            switch try await tokens.check(token) {
            case .valid: return nil
            case .expired: return Self.unauthorized("the BI token has expired or was revoked")
            case .unknown: return Self.unauthorized("the BI token is not known")
            }
        } catch {
            return Self.problem(.serviceUnavailable, "bi_unavailable", "the token can not be looked up now")
        }
    }

    private static func password(_ header: String?) -> String? {
        guard let header, header.prefix(6).lowercased() == "basic ", header.utf8.count < 1000,
            let data = Data(base64Encoded: String(header.dropFirst(6))),
            let pair = String(validating: data, as: UTF8.self), let colon = pair.firstIndex(of: ":")
        else { return nil }
        return String(pair[pair.index(after: colon)...])
    }

    private static func unauthorized(_ message: String) -> ApiResponse {
        var response = problem(.unauthorized, "bi_unauthorized", message)
        response.fields[.wwwAuthenticate] = "Basic realm=\"DigitalBank BI\", charset=\"UTF-8\""
        return response
    }

    private static func problem(_ status: HTTPResponse.Status, _ code: String, _ message: String) -> ApiResponse {
        let body: JSON = ["error": ["code": .string(code), "message": .string(message)]]
        return .json(body.text, status: status)
    }

    // MARK: Figures as JSON

    /// `/measures`, and `/measures/NAME?filter=…&by=…`: values are text, exact.
    public func handle(figures request: ApiRequest) async -> ApiResponse {
        guard request.method == .get || request.method == .head else {
            return Self.problem(.methodNotAllowed, "bi_method", "figures are only read: use GET")
        }
        let parts = request.path.split(separator: "/").map(String.init)
        guard parts.first == "measures", parts.count <= 2 else {
            return Self.problem(.notFound, "not_found", "nothing is served at this address")
        }
        var response: ApiResponse
        do {
            let json = parts.count == 1 ? list() : try await figure(parts[1], request.query)
            response = .json(json.text)
        } catch let problem as ODataProblem {
            response = Self.problem(.init(code: problem.status), problem.code, problem.message)
        } catch let error as AnalyticsError {
            response = Self.problem(
                error.code == "bi_measure_unknown" ? .notFound : .internalServerError, error.code, error.message)
        } catch {
            response = Self.problem(.serviceUnavailable, "bi_unavailable", "the figures can not be read now")
        }
        response.fields[.cacheControl] = "no-store"
        return response
    }

    private func list() -> JSON {
        .array(analytics.measures.measures.map(Self.head).map { .object($0) })
    }

    private static func head(_ measure: Measure) -> [JSON.Member] {
        [
            .init("name", .string(measure.name)), .init("fr", .string(measure.french)),
            .init("en", .string(measure.english)), .init("unit", .string(measure.unit)),
            .init("table", .string(measure.table)),
        ]
    }

    private func figure(_ name: String, _ query: String) async throws -> JSON {
        guard let items = QueryItems.parse(query, itemsMax: 20) else {
            throw ODataProblem(
                status: 400, code: "bi_request_invalid", message: "the address has an escape that is cut")
        }
        var filter: String?
        var columns: [String] = []
        for item in items {
            switch item.name {
            case "filter": filter = item.value
            case "by": columns = item.value.split(separator: ",").map(String.init)
            default:
                throw ODataProblem(
                    status: 400, code: "bi_request_invalid", message: "\(item.name) is no parameter: filter, by")
            }
        }
        let rows = try await analytics.measure(name, filter: filter, by: columns)
        guard let measure = analytics.measures.measure(name) else { return .null }
        var members = Self.head(measure)
        if columns.isEmpty {
            members.append(.init("value", rows.first?.value.map { .string($0) } ?? .null))
        } else {
            members.append(.init("by", .array(columns.map { .string($0) })))
            members.append(
                .init(
                    "rows",
                    .array(
                        rows.map { row in
                            .array((row.by + [row.value]).map { $0.map { .string($0) } ?? .null })
                        })))
        }
        return .object(members)
    }
}
