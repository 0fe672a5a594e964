internal import Cryptography
internal import Foundation
internal import Postgres
internal import Tokens
internal import Web

/// Makes one-time codes and sends them.
struct CodeSender: Sendable {
    let core: AuthCore
    let mail: any MailSink

    /// A code and a link, both of the same row, of which only hashes are kept.
    struct Made: Sendable {
        let code: String
        let linkToken: String
        let link: String
    }

    /// Does what was asked for; an address without an account gets nothing, and nobody is told.
    func answer(_ request: CodeRequest) async throws {
        let users = UserStore(database: core.database)
        let user = try await users.find(email: request.address)
        switch request.purpose {
        case .signIn(let creating):
            if let user {
                guard !user.isBanned else { return }
                try await send(.magicLink, to: request.address, of: user, request)
            } else if let creating, let made = try await create(creating, request) {
                try await send(.magicLink, to: request.address, of: made, request)
            }
        case .recovery:
            guard let user, !user.isBanned else { return }
            try await users.noteSent(.recovery, to: user.id)
            try await core.record(.userRecoveryRequested, user, request.call, in: core.database)
            try await send(.recovery, to: request.address, of: user, request)
        case .resendSignup:
            guard let user, !user.isConfirmed, !user.isBanned else { return }
            try await users.noteSent(.confirmation, to: user.id)
            try await send(.signup, to: request.address, of: user, request)
        case .resendEmailChange:
            guard let user, let next = user.emailChange else { return }
            try await sendEmailChange(user, to: next, request)
        }
    }

    private func create(_ user: NewUser, _ request: CodeRequest) async throws -> User? {
        try await core.database.transaction { tx in
            guard let made = try await UserStore(database: tx).add(user) else { return nil }
            try await core.record(.userSignedUp, made, request.call, in: tx)
            return made
        }
    }

    /// Both mailboxes are asked, whatever the settings say (supabase/auth 2600).
    func sendEmailChange(_ user: User, to next: String, _ request: CodeRequest) async throws {
        if let current = user.email {
            try await send(.emailChangeCurrent, to: current, of: user, request)
        }
        // A taken address gets nothing: whoever asks is not told that it is taken.
        guard try await UserStore(database: core.database).find(email: next) == nil else { return }
        try await send(.emailChangeNew, to: next, of: user, request)
    }

    func send(_ kind: OneTimeTokenKind, to address: String, of user: User, _ request: CodeRequest) async throws {
        try await core.countMail(toProved: user.isConfirmed)
        let flowID = try await openFlow(kind, request)
        let made = try await make(
            kind, for: user.id, address: address, flowID: flowID, request.redirectTo,
            passwordHash: request.passwordHash, in: core.database)
        try await mail.deliver(
            texts.mail(.code(kind, code: made.code, link: made.link), to: address))
    }

    /// A flow for a client that wants a code at the end (PKCE).
    func openFlow(_ kind: OneTimeTokenKind, _ request: CodeRequest) async throws -> String? {
        guard let challenge = request.challenge else { return nil }
        let id = UUID().uuidString.lowercased()
        try await FlowStore(database: core.database).add(
            .init(
                challenge: challenge, method: kind.rawValue, redirectTo: request.redirectTo,
                // The link is opened first, then the code is exchanged.
                seconds: core.settings.codeSeconds),
            id: id)
        return id
    }

    func make(
        _ kind: OneTimeTokenKind, for userID: String, address: String, flowID: String?, _ redirectTo: String,
        passwordHash: String? = nil, in executor: any SQLExecutor
    ) async throws -> Made {
        let code = try Self.sixDigits()
        let linkToken = Base64URL.encode(try SecureRandom.bytes(32))
        try await OneTimeTokenStore(database: executor).add(
            .init(
                userID: userID, kind: kind, address: address, linkHash: core.sealer.hash(linkToken, for: "link"),
                codeHash: core.codeHash(code, address: address), flowID: flowID, passwordHash: passwordHash,
                seconds: core.settings.codeSeconds))
        return Made(code: code, linkToken: linkToken, link: link(kind, linkToken, redirectTo))
    }

    /// Always below the one configured address: no header of a request has a say (GHSA-3529-5m8x-rpv3).
    private func link(_ kind: OneTimeTokenKind, _ token: String, _ redirectTo: String) -> String {
        guard kind != .reauthentication else { return "" }
        return core.settings.externalURL + "/verify?token=\(token)&type=\(VerificationType(kind).rawValue)&redirect_to="
            + PercentEncoding.encode(redirectTo)
    }

    var texts: MailTexts { MailTexts(bank: core.settings.bankName, language: core.settings.language) }

    /// Uniform: numbers that would favour some codes are drawn again.
    private static func sixDigits() throws -> String {
        while true {
            let number = try SecureRandom.bytes(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
            guard number < 4_294_000_000 else { continue }
            let digits = String(number % 1_000_000)
            return String(repeating: "0", count: 6 - digits.count) + digits
        }
    }
}

extension AuthCore {
    /// Bound to the address: a code that was guessed for another account fits no row.
    func codeHash(_ code: String, address: String) -> [UInt8] {
        sealer.hash("\(address)\0\(code)", for: "code")
    }

    func flowHash(_ code: String) -> [UInt8] { sealer.hash(code, for: "flow") }
}

/// Percent-encoding of a value in a query (RFC 3986, unreserved characters stay).
enum PercentEncoding {
    static func encode(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        var out: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                out.append(byte)
            default: out += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: out, as: UTF8.self)
    }
}
