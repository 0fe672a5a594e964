internal import Foundation
internal import Postgres
public import Vault

extension PrivacyDesk {
    private static let channel = "privacy_forgotten"
    private static let pause: Duration = .seconds(1)

    /// A key that another process destroyed, `privacy retain` or another server, leaves this one's memory at once. Works until
    /// the task is cancelled.
    ///
    /// - Parameter others: what else in this process keeps clients' keys.
    public func watchForgotten(_ others: [Vault] = []) async throws {
        let vaults = [secrets.vault] + others
        while !Task.isCancelled {
            do {
                for await event in try await database.notifications(on: Self.channel) {
                    switch event {
                    case .notification(let message):
                        guard let client = UUID(uuidString: message.payload) else { continue }
                        for vault in vaults { vault.forget(client) }
                    case .mayHaveMissed:
                        for client in try await ErasureStore(database: database).forgottenLately() {
                            for vault in vaults { vault.forget(client) }
                        }
                    }
                }
            } catch is CancellationError {
                return
            } catch {
                // The connection could not be made; a key that is kept ends by itself within half a minute of its use.
                try await Task.sleep(for: Self.pause)
            }
        }
    }
}
