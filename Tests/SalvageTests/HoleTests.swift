import Foundation
import Salvage
import TestSupport
import Testing

struct HoleTests {
    private static let places = isLongRun ? 20 : 3

    @Test(arguments: [WoundKind.inserted, .missing64])
    func `rows behind a small hole come back, and none of them is false`(kind: WoundKind) async throws {
        let campaign = try await Campaign(seed: 77)
        var (behind, back, held, heldTrue, lost, wrong) = (0, 0, 0, 0, 0, 0)
        try await withTemporaryDirectory { folder in
            for place in 0..<Self.places {
                let outcome = try #require(
                    try campaign.run(kind, .directory, place: place, of: Self.places, in: folder))
                behind += campaign.truth.total - outcome.demanded
                back += outcome.recovered - outcome.kept
                held += outcome.inferred
                heldTrue += outcome.heldTrue - outcome.heldBack
                lost += outcome.suspects
                wrong += outcome.falseIntact.count + outcome.falseProven.count
                #expect(outcome.falseIntact == [] && outcome.falseProven == [], "place \(place)")
            }
        }
        print(
            "\(kind.rawValue): of \(behind) rows behind \(back) intact, \(held) inferred (\(heldTrue) right),",
            "\(lost) with lost bytes")
        #expect((back + heldTrue) * 10 >= behind)
    }
}
