import Bank
import BankAPI
import Foundation
import HTTPTypes
import Postgres
import TestSupport
import Testing
import Web

@Suite struct BeneficiaryTests {
    private func trust(
        _ stage: BankStage, _ name: String, _ account: Int, as number: Int = 1, level: String = "aal2"
    ) async -> Answer {
        await stage.ask(
            .post, "/beneficiaries", as: number, level: level,
            body: ["name": .string(name), "iban": .string(iban(account)), "bic": "DGBKFRPP"])
    }

    @Test func `a trusted payee is kept sealed, shown to its client alone, and needs no second factor`() async throws {
        try await BankStage.run { stage in
            #expect(await trust(stage, "Jean-Pierre Dupont", 2, level: "aal1").code == "insufficient_aal")
            let added = await trust(stage, "Jean-Pierre Dupont", 2)
            #expect(added.status == 201, "\(added.text)")
            #expect(added.json["payee_check"]?["result"]?.string == "match")
            #expect(added.json["beneficiary"]?["iban"]?.string == iban(2))
            let id = try #require(added.json["beneficiary"]?["id"]?.integer)
            #expect(await trust(stage, "Dupont", 2).code == "beneficiary_known")
            let listed = await stage.get("/beneficiaries").json["beneficiaries"]?.array
            #expect(listed?.count == 1 && listed?.first?["name"]?.string == "Jean-Pierre Dupont")
            #expect(await stage.get("/beneficiaries", as: 2).json["beneficiaries"]?.array?.isEmpty == true)
            let clear = try await stage.database.one(
                "select count(*) from beneficiaires b where b::text ilike '%dupont%' or b::text like '%' || \(iban(2)) || '%'",
                as: Int64.self)
            #expect(clear == 0)
            #expect(await stage.pay("600.00").status == 201)
            #expect(await stage.ask(.delete, "/beneficiaries/\(id)", as: 2).status == 404)
            let removed = await stage.ask(.delete, "/beneficiaries/\(id)")
            #expect(removed.status == 204 && removed.bytes.isEmpty)
            #expect(await stage.ask(.delete, "/beneficiaries/\(id)").code == "beneficiary_not_found")
            #expect(await stage.pay("510.00").code == "insufficient_aal")
            #expect(await trust(stage, "Dupont", 2).status == 201)
        }
    }

    private static let wrong: [(JSON, Int, String)] = [
        (["name": "X", "iban": "FR7630006000011234567890188"], 422, "iban_invalid"),
        (["name": "X", "iban": "FR76300060000112345678901"], 422, "iban_invalid"),
        (["name": "X", "iban": "FR1"], 422, "body_invalid"),
        (["name": "X", "iban": "FR7630006000011234567890189", "bic": "DEUTDEFF"], 422, "bic_invalid"),
        (["name": "X", "iban": "FR7630006000011234567890189", "bic": "dgbkfrpp"], 422, "body_invalid"),
        (["name": "", "iban": "FR7630006000011234567890189"], 422, "body_invalid"),
        (["iban": "FR7630006000011234567890189"], 422, "body_invalid"),
        (["name": "a\u{7}b", "iban": "FR7630006000011234567890189"], 422, "body_invalid"), ([], 422, "body_invalid"),
    ]

    @Test(arguments: wrong)
    func `a payee with a wrong IBAN, BIC or name is refused`(body: JSON, status: Int, code: String) async throws {
        try await BankStage.run { stage in
            let answer = await stage.ask(.post, "/beneficiaries", level: "aal2", body: body)
            #expect(answer.status == status && answer.code == code, "\(answer.text)")
        }
    }

    @Test func `a payee at another bank is trusted without a check of its name`() async throws {
        try await BankStage.run { stage in
            let answer = await stage.ask(
                .post, "/beneficiaries", level: "aal2",
                body: ["name": "Jürgen Müller", "iban": "DE89 3704 0044 0532 0130 00"])
            #expect(answer.status == 201 && answer.json["payee_check"]?["result"]?.string == "not_applicable")
            #expect(answer.json["beneficiary"]?["iban"]?.string == "DE89370400440532013000")
        }
    }

    private static let names: [(String, String?, String?, NameCheck)] = [
        ("Léa Martin", "Léa", "Martin", NameCheck.match), ("MARTIN LEA", "Léa", "Martin", .match),
        ("Mme Léa MARTIN", "Léa", "Martin", .match), ("Jean-Pierre Dupont", "Jean Pierre", "Dupont", .match),
        ("dupont jeanpierre", "Jean-Pierre", "Dupont", .match), ("M. Dupont Jean", "Jean", "Dupont", .match),
        ("Le\u{301}a Martin", "Léa", "Martin", .match), ("Cœur de Lion", "Cœur", "de Lion", .match),
        ("COEUR DE LION", "Cœur", "de Lion", .match),
        ("M Martin", "Marie", "Martin", .closeMatch(proposed: "M**** M*****")),
        ("L. Martin", "Léa", "Martin", .closeMatch(proposed: "L** M*****")),
        ("Martin", "Léa", "Martin", .closeMatch(proposed: "L** M*****")),
        ("Lea Martim", "Léa", "Martin", .closeMatch(proposed: "L** M*****")),
        ("Lea Matrin", "Léa", "Martin", .closeMatch(proposed: "L** M*****")),
        ("Jean Dupont", "Jean-Pierre", "Dupont", .closeMatch(proposed: "J***-P***** D*****")),
        ("Léa Bernard", "Léa", "Martin", .noMatch), ("Paul Martin", "Léa", "Martin", .noMatch),
        ("Léa", "Léa", "Martin", .noMatch), ("", "Léa", "Martin", .noMatch), ("!!!", "Léa", "Martin", .noMatch),
        ("Li Wu", "Li", "Wo", .noMatch), ("X", nil, nil, .notApplicable),
    ]

    @Test(arguments: names)
    func `a name is the holder's whatever its accents, order and titles`(
        given: String, first: String?, last: String?, expected: NameCheck
    ) {
        #expect(NameCheck(given: given, firstNames: first, lastName: last) == expected)
    }
}
