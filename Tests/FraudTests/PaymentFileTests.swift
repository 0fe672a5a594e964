import Foundation
import TestSupport
import Testing

@testable import Fraud

@Suite struct PaymentFileTests {
    private func read(_ text: String) async throws -> PaymentFileReader.Payments {
        try await withTemporaryDirectory { folder in
            let path = folder + "/payments"
            try Data(text.utf8).write(to: URL(filePath: path))
            return try PaymentFileReader.read(path: path)
        }
    }

    @Test("CSV and JSON lines give the same payments, in the order of time, and keep the file's own order")
    func forms() async throws {
        let csv = try await read(
            "time,payment,customer,terminal,amount\r\n2026-11-29 10:00:00,2,7,shop,12.5\n2026-11-29T09:00:00Z,1,8,,3\n")
        let json = try await read(
            """
            {"payment":2,"time_us":1795946400000000,"amount_minor":1250,"entities":{"customer":7,"terminal":"shop"}}
            {"payment":1,"time_us":1795942800000000,"amount_minor":300,"entities":{"customer":8}}
            """)
        for file in [csv, json] {
            #expect(file.table.id == [1, 2] && file.rows == [1, 0])
            #expect(file.table.time == [1_795_942_800_000_000, 1_795_946_400_000_000])
            #expect(file.table.minor == [300, 1_250] && file.table.customer == [8, 7])
            #expect(file.table.terminal == [PaymentEvent.absent, PaymentRequest.number(of: "shop")])
        }
    }

    @Test(
        "a file that holds no payments is refused with the place",
        arguments: [
            ("", "no payment"), ("a,b\n1,2\n", "no header"), ("payment,time,customer,amount\n1,now,2,3\n", "line 2"),
            ("payment,time,customer,amount\n1,2026-11-29 10:00:00,2\n", "line 2"), ("{\"payment\":1}\n", "line 1"),
            ("{\"payment\":", "line 1"), ("payment,time,customer,amount\n1,2026-11-29 10:00:00,2,-3\n", "line 2"),
        ])
    func refusals(text: String, words: String) async throws {
        let error = await #expect(throws: FraudError.self) { _ = try await read(text) }
        #expect(
            error?.code == "fraud_data_unreadable" && error?.message.contains(words) == true, "\(error?.message ?? "")")
    }
}
