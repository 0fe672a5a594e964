internal import Foundation
internal import Postgres

/// The SQL that joins the bank's clients and the vault's keys.
enum ClientKeyStore {
    static func client(_ number: Int64) -> Statement { "select id from public.clients where numero = \(number)" }

    /// A destroyed client is found by nothing any more: the blind indexes of its e-mail and telephone go too.
    static func forgetIndexes(of client: UUID) -> Statement {
        """
        update public.clients set email_index = null, telephone_index = null, statut = 'efface' where id = \(client)
        """
    }
}
