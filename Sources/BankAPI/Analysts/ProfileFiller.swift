internal import Foundation
public import Postgres
internal import Vault

/// Fills what analysts see of clients: opens the sealed address and date of birth and keeps only what is coarse of them.
public struct ProfileFiller: Sendable {
    static let clientsMax = 500
    private let store: ProfileStore
    private let secrets: BankSecrets
    private let every: Duration

    /// - Parameter database: logs in as whoever owns the bank.
    public init(database: Database, secrets: BankSecrets, every: Duration = .seconds(60)) {
        store = ProfileStore(database: database)
        self.secrets = secrets
        self.every = every
    }

    /// Until it is cancelled. What fails is tried again at the next turn.
    public func run() async throws {
        while !Task.isCancelled {
            while let count = try? await fill(), count == Self.clientsMax {}
            try? await Task.sleep(for: every)
        }
    }

    /// One bounded step; the number of profiles that were made.
    @discardableResult
    public func fill() async throws -> Int {
        let clients = try await store.withoutProfile(most: Self.clientsMax)
        var profiles: [(client: UUID, year: Int32?, department: String?)] = []
        for client in clients {
            let place = { SealedPlace(table: "clients", column: $0, row: client.id.uuidString) }
            // What can not be opened any more leaves an empty profile: it is not asked for again.
            let address = try await secrets.open(client.address, of: client.id, at: place("adresse"))
            let birthDate = try await secrets.open(client.birthDate, of: client.id, at: place("date_naissance"))
            profiles.append(
                (client.id, birthDate.flatMap(Coarse.year), address.flatMap(Coarse.department)))
        }
        if !profiles.isEmpty { try await store.keep(profiles) }
        return profiles.count
    }
}

/// What is left of personal data when everything that is fine is taken away.
enum Coarse {
    /// Of `1984-05-31`.
    static func year(_ date: String) -> Int32? {
        guard let year = Int32(date.prefix(4)), (1880...2200).contains(year) else { return nil }
        return year
    }

    /// Of an address with a French postal code, the last one that stands in it: `75`, `2A`, `974`.
    ///
    /// Corsica's codes begin with 20: to 20190 and from 20200 on they part the two départements (La Poste).
    static func department(_ address: String) -> String? {
        let words = address.split { !$0.isASCII || !($0.isLetter || $0.isNumber) }
        guard let code = words.last(where: { $0.utf8.count == 5 && $0.utf8.allSatisfy { (48...57).contains($0) } })
        else { return nil }
        switch code.prefix(2) {
        case "00", "96", "99": return nil
        case "20": return code < "20200" ? "2A" : "2B"
        case "97": return ("971"..."978").contains(String(code.prefix(3))) ? String(code.prefix(3)) : nil
        case "98": return ("984"..."988").contains(String(code.prefix(3))) ? String(code.prefix(3)) : nil
        default: return String(code.prefix(2))
        }
    }
}
