internal import Foundation
internal import FoundationNetworking

/// Speaks to the provider over the network: no redirect is followed, no cookie kept.
enum ProviderNetwork {
    static let secondsMax: TimeInterval = 10
    static let bytesMax = 1_048_576

    static let fetch: ProviderFetch = { url, form in
        guard let address = URL(string: url) else { throw failed("its address cannot be read") }
        var request = URLRequest(url: address, timeoutInterval: secondsMax)
        request.setValue("application/json", forHTTPHeaderField: "Accept")
        if let form {
            request.httpMethod = "POST"
            request.httpBody = Data(form.utf8)
            request.setValue("application/x-www-form-urlencoded", forHTTPHeaderField: "Content-Type")
        }
        let (data, response) = try await session.data(for: request)
        guard let answer = response as? HTTPURLResponse, answer.statusCode == 200 else {
            throw failed("it answered \((response as? HTTPURLResponse)?.statusCode ?? 0)")
        }
        guard data.count <= bytesMax else { throw failed("its answer is too large") }
        return Array(data)
    }

    private static let session = URLSession(
        configuration: configuration, delegate: RedirectRefusal(), delegateQueue: nil)

    private static var configuration: URLSessionConfiguration {
        let configuration = URLSessionConfiguration.ephemeral
        configuration.timeoutIntervalForResource = secondsMax
        configuration.httpShouldSetCookies = false
        return configuration
    }

    static func failed(_ what: String) -> AuthFault {
        AuthFault(
            code: "provider_failed", message: "the sign-in provider could not be asked: \(what)",
            hint: "Check the provider's addresses and its certificate.")
    }

    private final class RedirectRefusal: NSObject, URLSessionTaskDelegate, Sendable {
        func urlSession(
            _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
            newRequest request: URLRequest, completionHandler: @escaping (URLRequest?) -> Void
        ) {
            completionHandler(nil)
        }
    }
}
