internal import Foundation
internal import NIOSSL
internal import Synchronization

/// The certificate chain and key that connections are secured with, read anew when their files change.
final class Certificates: Sendable {
    private let certificate: String
    private let key: String
    private let state: Mutex<State>

    private struct State: Sendable {
        var context: NIOSSLContext
        var stamp: [Date?]
    }

    init(certificate: String, key: String) throws {
        self.certificate = certificate
        self.key = key
        let stamp = Self.stamp(certificate, key)
        state = Mutex(State(context: try Self.context(certificate, key), stamp: stamp))
    }

    /// What a new connection is secured with; those that are open keep theirs.
    var current: NIOSSLContext { state.withLock { $0.context } }

    /// Looks at the files every few seconds until the task is cancelled. New ones that can not be used are said on
    /// standard error, and the old ones stay.
    func watch(every pause: Duration) async throws {
        while true {
            try await Task.sleep(for: pause)
            reload()
        }
    }

    private func reload() {
        let stamp = Self.stamp(certificate, key)
        guard state.withLock({ $0.stamp }) != stamp else { return }
        do {
            let context = try Self.context(certificate, key)
            state.withLock { $0 = State(context: context, stamp: stamp) }
        } catch {
            state.withLock { $0.stamp = stamp }
            FileHandle.standardError.write(Data("\(error)\nThe certificate that was read before stays in use.\n".utf8))
        }
    }

    private static func stamp(_ paths: String...) -> [Date?] {
        paths.map { (try? FileManager.default.attributesOfItem(atPath: $0))?[.modificationDate] as? Date }
    }

    private static func context(_ certificate: String, _ key: String) throws -> NIOSSLContext {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let secret = try NIOSSLPrivateKey(file: key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(secret))
            configuration.minimumTLSVersion = .tlsv12
            configuration.applicationProtocols = ["h2", "http/1.1"]
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw GatewayError(
                code: "tls_unusable", message: "the certificate \(certificate) or its key can not be used: \(error)",
                hint: "Give PEM files of a certificate chain and its private key.")
        }
    }
}
