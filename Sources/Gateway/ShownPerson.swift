internal import Foundation

/// Where the desks of the bank, of fraud and of detection show one person's data, or the persons of one thing: the row that an
/// address names.
public struct ShownPerson: Sendable, Hashable {
    public let relation: String
    public let column: String
    public let key: String

    /// `#` stands for a number, `@` for a UUID.
    private static let addresses: [(parts: [String], relation: String, column: String)] = [
        (["accounts", "#"], "public.comptes", "id"), (["cards", "#"], "public.cartes", "id"),
        (["cases", "#"], "fraud.dossiers", "id"), (["explain", "#"], "fraud.decisions", "paiement"),
        (["incidents", "@"], "detection.persons", "incident_id"),
    ]

    /// Nil where the address names nobody.
    public init?(path: String) {
        let parts = path.split(separator: "/").map(String.init)
        let found = Self.addresses.first { address in
            parts.count >= address.parts.count
                && zip(address.parts, parts).allSatisfy { wanted, part in
                    switch wanted {
                    case "#": Int64(part) != nil
                    case "@": UUID(uuidString: part) != nil
                    default: wanted == part
                    }
                }
        }
        guard let found else { return nil }
        (relation, column, key) = (found.relation, found.column, parts[1].lowercased())
    }
}
