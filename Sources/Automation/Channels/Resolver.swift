internal import Dispatch
internal import Foundation
internal import NIOCore

/// Turns a name into the address that is called. All addresses of the name must be allowed: a name with an inner
/// address
/// among its public ones is refused as a whole.
struct Resolver: Sendable {
    let addressGuard: AddressGuard

    private static let queue = DispatchQueue(label: "digitalbank.automation.names", attributes: .concurrent)

    func address(of host: String, port: Int) async throws -> SocketAddress {
        let found: [SocketAddress] = try await withUnsafeThrowingContinuation { continuation in
            Self.queue.async { continuation.resume(with: Result { try Self.look(host, port) }) }
        }
        guard let first = found.first else { throw SendProblem(words: "the name \(host) has no address") }
        guard found.allSatisfy(addressGuard.permits) else {
            throw AutomationError.address(host, "its address is not public")
        }
        return first
    }

    private static func look(_ host: String, _ port: Int) throws -> [SocketAddress] {
        var hints = addrinfo()
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        hints.ai_flags = Int32(AI_ADDRCONFIG)
        var list: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(host, String(port), &hints, &list) == 0 else {
            throw SendProblem(words: "the name \(host) is not known")
        }
        defer { freeaddrinfo(list) }
        var found: [SocketAddress] = []
        var next = list
        while let place = next?.pointee, found.count < 32 {
            next = place.ai_next
            guard let raw = place.ai_addr else { continue }
            switch place.ai_family {
            case AF_INET:
                raw.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { found.append(SocketAddress($0.pointee)) }
            case AF_INET6:
                raw.withMemoryRebound(to: sockaddr_in6.self, capacity: 1) { found.append(SocketAddress($0.pointee)) }
            default: continue
            }
        }
        return found
    }
}
