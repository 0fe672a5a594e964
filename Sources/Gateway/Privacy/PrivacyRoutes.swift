internal import Foundation
internal import HTTPTypes
public import Privacy
public import Web

/// `/privacy/v1`: decodes, calls the desk, encodes.
public struct PrivacyRoutes: Sendable {
    let desk: PrivacyDesk

    public init(desk: PrivacyDesk) { self.desk = desk }

    public var mounts: [Mount] {
        [
            Mount("/privacy/v1") { request, actor in
                guard let actor else {
                    return TokenRefusal(code: "PGRST302", message: "Anonymous access is disabled").response
                }
                return await handle(request, actor: actor)
            }
        ]
    }

    /// Answers one request; what is refused is an answer too.
    public func handle(_ request: ApiRequest, actor: Actor) async -> ApiResponse {
        do {
            let call = try PrivacyCall(request, actor)
            guard let route = PrivacyRoute.all.first(where: { $0.matches(call) }) else { throw PrivacyRefusal.notFound }
            try check(route.right, call)
            var response = try await route.run(self, call)
            response.fields[.cacheControl] = "no-store"
            return response
        } catch {
            return PrivacyRefusal.response(error)
        }
    }

    private func check(_ right: PrivacyRoute.Right, _ call: PrivacyCall) throws {
        switch right {
        case .client, .clientStrong:
            guard call.user != nil else { throw PrivacyRefusal.forbidden(call.role) }
        case .admin, .adminStrong:
            guard call.role == "admin", call.user != nil else { throw PrivacyRefusal.forbidden(call.role) }
        }
        if case .clientStrong = right, call.level != "aal2" { throw PrivacyRefusal.secondFactor }
        if case .adminStrong = right, call.level != "aal2" { throw PrivacyRefusal.secondFactor }
    }

    /// The client that the caller is.
    func client(_ call: PrivacyCall) async throws -> UUID {
        guard let user = call.user, let client = try await desk.client(ofUser: user) else {
            throw PrivacyRefusal.notClient
        }
        return client
    }

    func kind(_ call: PrivacyCall) throws -> IncidentReportKind {
        guard let kind = IncidentReportKind(rawValue: try call.text("kind")) else {
            throw PrivacyRefusal.invalid(
                "kind is one of \(IncidentReportKind.allCases.map(\.rawValue).joined(separator: ", "))")
        }
        return kind
    }

    /// A dossier in the form that was asked for; JSON where none was.
    func dossier(_ dossier: AccessDossier, _ call: PrivacyCall) async throws -> ApiResponse {
        guard let name = call.item("format"), name != "json" else {
            guard let name = call.item("section") else { return .json(dossier.json) }
            guard let section = dossier.section(name) else {
                throw PrivacyRefusal.invalid("there is no section \(name)")
            }
            return ApiResponse(
                status: .ok, fields: [.contentType: "text/csv; charset=utf-8"], body: Array(dossier.csv(section).utf8))
        }
        guard let form = DossierForm(rawValue: name) else {
            throw PrivacyRefusal.invalid("format is json, pdf or zip")
        }
        return ApiResponse(
            status: .ok,
            fields: [
                .contentType: form == .pdf ? "application/pdf" : "application/zip",
                .contentDisposition: "attachment; filename=\"donnees.\(form.rawValue)\"",
            ], body: try await desk.document(dossier, as: form, section: call.item("section")))
    }

    func proof(_ proof: ErasureProof) throws -> ApiResponse {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .json(String(decoding: try encoder.encode(proof), as: UTF8.self))
    }
}
