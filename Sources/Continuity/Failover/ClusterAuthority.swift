internal import Diagnostics
internal import Foundation
internal import PostgresServer

/// The cluster's own certificates: one authority made by `cluster init`, and one certificate for each database host that serves
/// and asks with it. Whoever has none of them does not speak to etcd.
struct ClusterAuthority: Sendable {
    let folder: String

    static let certificate = "ca.pem"
    static let hostFiles = ["ca.pem", "host.pem", "host.key"]

    var authority: String { folder + "/" + Self.certificate }
    private var key: String { folder + "/ca.key" }

    /// Ten years for the authority, two for hosts: `cluster init` again makes new ones for hosts.
    func prepare() async throws {
        try ContinuityFolder.make(folder, mode: 0o700)
        guard !FileManager.default.fileExists(atPath: authority) else { return }
        try await openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
            authority, "-days", "3650", "-subj", "/CN=DigitalBank cluster authority",
        ])
        chmod(key, 0o600)
    }

    /// Writes a host's certificate and key, and the authority's certificate, into the host's folder.
    func certify(_ host: ClusterPlan.Host, into target: String) async throws {
        let request = target + "/host.csr"
        let extensions = target + "/host.ext"
        defer { for path in [request, extensions] { unlink(path) } }
        let names = [host.address, host.frontAddress, "127.0.0.1"].map { Self.isNumeric($0) ? "IP:\($0)" : "DNS:\($0)" }
        // etcd's own gateway is a client of etcd, with the server's certificate.
        let text = """
            subjectAltName=\((["DNS:\(host.name)", "DNS:localhost"] + names).joined(separator: ","))
            extendedKeyUsage=serverAuth,clientAuth

            """
        try ContinuityFolder.write(text, to: extensions)
        try await openssl([
            "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", target + "/host.key",
            "-out", request, "-subj", "/CN=\(host.name)",
        ])
        chmod(target + "/host.key", 0o600)
        try await openssl([
            "x509", "-req", "-in", request, "-CA", authority, "-CAkey", key, "-CAcreateserial", "-days", "730",
            "-extfile", extensions, "-out", target + "/host.pem",
        ])
        guard let certificate = FileManager.default.contents(atPath: authority) else {
            throw ContinuityError.file("read", authority, "it is gone")
        }
        try ContinuityFolder.write(String(decoding: certificate, as: UTF8.self), to: target + "/" + Self.certificate)
    }

    private static func isNumeric(_ address: String) -> Bool {
        address.utf8.allSatisfy { (48...57).contains($0) || $0 == 46 }
    }

    private func openssl(_ arguments: [String]) async throws {
        guard let program = Tools.find("openssl") else {
            throw ContinuityError.cluster("openssl is not installed: it makes the cluster's certificates")
        }
        let run = try await ToolRun.run(program, arguments)
        guard run.status == 0 else {
            throw ContinuityError.file("make certificates in", folder, String(run.errorText.prefix(300)))
        }
    }
}
