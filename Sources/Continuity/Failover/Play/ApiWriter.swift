internal import Foundation
internal import Synchronization
#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif

/// A client of the bank's API, by HAProxy.
struct ApiWriter: Sendable {
    let entry: String
    let key: String

    func write(_ writer: Int, _ writers: FailoverWriters) async {
        await writers.order(writer) { key, debit, credit in
            let body =
                #"{"p_debit":\#(debit),"p_credit":\#(credit),"p_montant":1,"p_cle":"\#(key)"}"#
            return await ask("POST", "/rest/v1/rpc/virer", body) == 200
        }
    }

    func waitUntilReady() async throws {
        for _ in 0..<600 {
            if await ask("GET", "/auth/v1/health") == 200 { return }
            try await Task.sleep(for: .milliseconds(200))
        }
        throw ContinuityError.clusterAway("the server at \(entry) did not come up; read its log beside the play")
    }

    private func ask(_ method: String, _ path: String, _ body: String? = nil) async -> Int {
        guard let url = URL(string: entry + path) else { return 0 }
        var request = URLRequest(url: url, timeoutInterval: 10)
        request.httpMethod = method
        request.httpBody = body.map { Data($0.utf8) }
        request.setValue(key, forHTTPHeaderField: "apikey")
        request.setValue("application/json", forHTTPHeaderField: "Content-Type")
        guard let (_, response) = try? await URLSession.shared.data(for: request) else { return 0 }
        return (response as? HTTPURLResponse)?.statusCode ?? 0
    }
}
