internal import Foundation
#if canImport(FoundationNetworking)
    internal import FoundationNetworking
#endif
internal import Web

/// Prometheus's HTTP interface, as far as a checker needs it.
public struct PrometheusClient: Sendable {
    let url: String

    /// - Parameter url: `http://127.0.0.1:9090`.
    public init(url: String) { self.url = url.hasSuffix("/") ? String(url.dropLast()) : url }

    enum Answer: Sendable, Hashable {
        case series(Int)
        /// What Prometheus says against the query.
        case refused(String)
    }

    /// How many series a query gives now; NaN alone counts as none.
    func query(_ expression: String) async throws -> Answer {
        let json = try await get("/api/v1/query?query=" + Self.encoded(expression))
        guard json["status"]?.string == "success" else {
            return .refused(json["error"]?.string ?? "an answer without a reason")
        }
        let result = json["data"]?["result"]?.array ?? []
        let counted = result.filter { sample in
            guard let value = sample["value"]?.array?.last?.string else { return true }
            return value != "NaN"
        }
        return .series(counted.count)
    }

    /// Names of the targets that are scraped and well.
    public func healthyJobs() async throws -> Set<String> {
        let json = try await get("/api/v1/targets?state=active")
        let targets = json["data"]?["activeTargets"]?.array ?? []
        return Set(
            targets.filter { $0["health"]?.string == "up" }.compactMap { $0["labels"]?["job"]?.string })
    }

    private func get(_ path: String) async throws -> JSON {
        guard let address = URL(string: url + path) else {
            throw MonitoringError.prometheusAway(url, "it is no address")
        }
        var request = URLRequest(url: address)
        request.timeoutInterval = 30
        do {
            let (data, _) = try await URLSession.shared.data(for: request)
            return try JSONReader.read([UInt8](data))
        } catch {
            throw MonitoringError.prometheusAway(url, error.localizedDescription)
        }
    }

    private static func encoded(_ text: String) -> String {
        var out = ""
        for byte in text.utf8 {
            let isPlain =
                (byte >= 48 && byte <= 57) || (byte >= 65 && byte <= 90) || (byte >= 97 && byte <= 122)
                || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            if isPlain {
                out.unicodeScalars.append(Unicode.Scalar(byte))
            } else {
                let hex = String(byte, radix: 16, uppercase: true)
                out += "%" + (hex.utf8.count < 2 ? "0" : "") + hex
            }
        }
        return out
    }
}
