internal import Hummingbird
internal import HummingbirdCore
internal import HummingbirdHTTP2
internal import HummingbirdTLS
internal import NIOSSL

/// TLS and HTTP/2 from PEM files.
enum Certificates {
    static func builder(
        certificate: String, key: String, settings: GatewaySettings, open: @escaping SocketChannel.Open
    ) throws -> HTTPServerBuilder {
        do {
            let chain = try NIOSSLCertificate.fromPEMFile(certificate).map { NIOSSLCertificateSource.certificate($0) }
            let secret = try NIOSSLPrivateKey(file: key, format: .pem)
            var configuration = TLSConfiguration.makeServerConfiguration(
                certificateChain: chain, privateKey: .privateKey(secret))
            configuration.minimumTLSVersion = .tlsv12
            let secured = configuration
            return try .http2Upgrade(tlsConfiguration: secured)
        } catch {
            throw GatewayError(
                code: "tls_unusable", message: "the certificate \(certificate) or its key can not be used: \(error)",
                hint: "Give PEM files of a certificate chain and its private key.")
        }
    }
}
