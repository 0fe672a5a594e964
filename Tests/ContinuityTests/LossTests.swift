import Foundation
import TestSupport
import Testing

/// Money moves, then disaster strikes. What was acknowledged is there afterwards, once; where the damage makes that
/// impossible, the tool says from where on it is lost, and is right.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct LossTests {
    enum Disaster: String, CaseIterable, Sendable {
        case killed = "kill -9 of everything"
        case deleted = "data directory deleted, receiver on"
        case segmentMissing = "data directory deleted, archived segment missing, receiver on"
        case segmentDamaged = "data directory deleted, archived segment damaged, receiver on"
        case repositoryFlipped = "data directory deleted, a repository's byte flipped, receiver on"
        case withoutReceiver = "data directory deleted, receiver off"
        case holeWithoutReceiver = "data directory deleted, archived segment missing, receiver off"
        case serverFull = "the server's disk full, receiver on"
        case repositoryFull = "a repository's disk full, then data directory deleted, receiver on"
        case receiverFull = "the receiver's disk full, then data directory deleted"
        case clock = "the server's clock three hours ahead, then three behind, data directory deleted, receiver on"

        var receives: Bool { self != .withoutReceiver && self != .holeWithoutReceiver }
        /// The same cluster goes on.
        var leavesServer: Bool { self == .killed || self == .serverFull }
        /// Below the bank's data directory, what is on a small disk of its own.
        var smallDisk: String? {
            switch self {
            case .serverFull: "/bank"
            case .repositoryFull: "/continuity/repository1"
            case .receiverFull: "/continuity/received"
            default: nil
            }
        }
        var isPossible: Bool {
            (smallDisk == nil || SmallDisk.isPossible) && (self != .clock || JumpingClock.isPossible)
        }
        /// Verification must find what was damaged.
        var isFound: Bool {
            [.segmentMissing, .segmentDamaged, .repositoryFlipped, .holeWithoutReceiver].contains(self)
        }
    }

    private static let possible = Disaster.allCases.filter(\.isPossible)
    private static let rounds: [Disaster] =
        isLongRun ? (0..<20).map { possible[$0 % possible.count] } : [.killed, .segmentDamaged, .holeWithoutReceiver]

    @Test("no acknowledged transfer is lost, none is doubled, and a loss is named where it can not be avoided")
    func rounds() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        for (number, disaster) in Self.rounds.enumerated() {
            let round = LossRound(number: number, disaster: disaster, seed: seed &+ UInt64(number))
            let begun = ContinuousClock.now
            let words = try await round.run()
            print("\(words) \(Int((ContinuousClock.now - begun) / .seconds(1))) s |")
        }
    }
}
