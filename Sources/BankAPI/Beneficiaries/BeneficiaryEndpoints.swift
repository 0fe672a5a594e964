internal import Bank
internal import HTTPTypes
internal import Web

/// Trusted payees: orders to them need no second factor, so that trusting one does.
enum BeneficiaryEndpoints {
    static let routes: [Route] = [
        Route(
            method: .get, path: "/beneficiaries", name: "listBeneficiaries", summary: "The caller's trusted payees",
            tag: "beneficiaries",
            answers: [
                .json(.object([.init("beneficiaries", .list(schema, 0...500))]), "in the order of their numbers")
            ],
            run: list),
        Route(
            method: .post, path: "/beneficiaries", name: "trustBeneficiary",
            summary: "Trusts a payee; says whether the name is the holder's", tag: "beneficiaries",
            body: .init(schema: requestSchema, example: ["name": "Léa Martin", "iban": "FR7630006000011234567890189"]),
            answers: [.json(resultSchema, "trusted from now on", status: 201)],
            refusals: [
                .init(403, "insufficient_aal"), .init(409, "beneficiary_known", "too_many_kept"),
                .init(422, "iban_invalid", "bic_invalid"),
            ], run: add),
        Route(
            method: .delete, path: "/beneficiaries/{id}", name: "removeBeneficiary", summary: "Trusts a payee no more",
            tag: "beneficiaries", parameters: [.path("id", .id, "the payee's number")],
            answers: [.init(status: 204, words: "removed")], refusals: [.init(404, "beneficiary_not_found")],
            run: remove),
    ]

    private static let fields: [Schema.Property] = [
        .init("id", .id), .init("name", .nullable(.text(TextRule()))), .init("iban", .nullable(.text(TextRule()))),
        .init("iban_last4", .text(TextRule())), .init("bic", .nullable(.text(TextRule()))),
        .init("status", .word(["trusted", "to_verify"]), "to_verify came out of a restore with doubts"),
        .init("added_at", .time),
    ]
    private static let schema = Schema.named("Beneficiary", .object(fields))
    private static let requestSchema = Schema.named(
        "BeneficiaryRequest",
        .object([.init("name", .text(1...70)), .init("iban", .iban), .init("bic", .bic, isRequired: false)]))
    private static let resultSchema = Schema.named(
        "TrustedBeneficiary", .object([.init("beneficiary", schema), .init("payee_check", NameCheck.schema)]))

    @Sendable private static func list(_ call: BankCall) async throws -> ApiResponse {
        let all = try await BeneficiaryStore(core: call.core).all(call.caller)
        return .json(JSON.object([.init("beneficiaries", .array(all))]).text)
    }

    @Sendable private static func add(_ call: BankCall) async throws -> ApiResponse {
        let name = call.body["name"]?.string ?? ""
        let payee = try Payee(json: ["iban": call.body["iban"] ?? .null, "name": .string(name)])
        guard case .iban(let text) = payee.address, let iban = IBAN(text) else { throw ProblemTable.unexpected }
        let bic = try call.body["bic"]?.string.map { text in
            guard let bic = BIC(text), bic.country == iban.country || iban.country == "MC" else {
                throw BankProblem(
                    422, code: "bic_invalid", message: "the BIC \(text) is none, or of another country than the IBAN",
                    hint: "Check it, or leave it out.")
            }
            return bic
        }
        let payees = PayeeStore(core: call.core)
        let account = try await payees.find([payee]).first ?? nil
        let check = try await payees.check(payee, account) ?? .notApplicable
        let added = try await BeneficiaryStore(core: call.core).add(name: name, iban: iban, bic: bic, call.caller)
        let body: JSON = ["beneficiary": added, "payee_check": check.json]
        return .json(body.text, status: .created)
    }

    @Sendable private static func remove(_ call: BankCall) async throws -> ApiResponse {
        guard try await BeneficiaryStore(core: call.core).remove(call.integer("id") ?? 0, call.caller) else {
            throw BankProblem(
                404, code: "beneficiary_not_found", message: "there is no such payee of yours",
                hint: "List them with: GET /bank/v1/beneficiaries")
        }
        return ApiResponse(status: .noContent)
    }
}
