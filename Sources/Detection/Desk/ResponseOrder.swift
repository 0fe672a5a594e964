internal import Foundation

/// Something to be done about an address, a person's sessions, an account or a card, for a time.
public struct ResponseOrder: Sendable, Hashable {
    public enum Action: String, Sendable, CaseIterable {
        case banAddress = "ban_address"
        case revokeSessions = "revoke_sessions"
        case freezeAccount = "freeze_account"
        case freezeCard = "freeze_card"
        case requireStepUp = "require_step_up"
    }

    public let action: Action
    /// An address or a block of addresses; a user, a session or `address:ADDRESS` or `address:BLOCK`; the number of an
    /// account or a card. One IPv6 address stands for its /64.
    public let target: String
    public let reason: String
    public let seconds: Int64
    public let isDryRun: Bool
    /// The incident that asked for it.
    public let incident: String?

    static let secondsMax: Int64 = 365 * 86_400

    /// - Throws: `detection_response_invalid` for a target that is none of its action, a time of no length or of more than
    ///   a year; `detection_response_refused` for an address of the bank's own or a block that would shut out a country.
    public init(
        _ action: Action, _ target: String, reason: String, seconds: Int64 = 3_600, isDryRun: Bool = false,
        incident: String? = nil, protected: [AddressBlock] = []
    ) throws(DetectionError) {
        guard (1...Self.secondsMax).contains(seconds) else {
            throw .response("a response lasts 1 second to 365 days, not \(seconds) seconds")
        }
        guard (3...1_000).contains(reason.count) else { throw .response("a reason has 3 to 1000 characters") }
        if let incident, UUID(uuidString: incident) == nil { throw .response("\(incident) is no incident's id") }
        self.action = action
        self.target = try Self.target(action, target, protected)
        self.reason = reason
        self.seconds = seconds
        self.isDryRun = isDryRun
        self.incident = incident?.lowercased()
    }

    /// The target as it is written everywhere.
    private static func target(
        _ action: Action, _ text: String, _ protected: [AddressBlock]
    ) throws(DetectionError) -> String {
        switch action {
        case .banAddress:
            guard let block = AddressBlock(target: text) else {
                throw .response("\(text.prefix(80)) is neither an address nor a block of addresses")
            }
            guard block.bits >= (block.base.isV4 ? 96 + 16 : 32) else {
                throw .refused("\(block.text) is wider than what may be banned at once: /16, or /32 of IPv6")
            }
            // Of `::/64` nothing is routed, and the machine itself is in it.
            guard !block.base.isInside, block.base.isV4 || block.base.high != 0 else {
                throw .refused("\(block.text) is of the bank's own networks")
            }
            if let own = protected.first(where: { $0.meets(block) }) {
                throw .refused("\(block.text) meets the protected block \(own.text)")
            }
            return block.text
        case .revokeSessions:
            if text.hasPrefix("address:") {
                guard let block = AddressBlock(target: String(text.dropFirst(8))),
                    block.bits >= (block.base.isV4 ? 96 + 16 : 32)
                else { throw .response("\(text.prefix(80)) names no address") }
                return "address:" + block.text
            }
            guard UUID(uuidString: text) != nil else {
                throw .response("\(text.prefix(80)) is neither a user's id, nor a session's, nor address:ADDRESS")
            }
            return text.lowercased()
        case .freezeAccount, .freezeCard, .requireStepUp:
            guard let number = Int64(text), number > 0 else {
                throw .response("\(text.prefix(80)) is not the number of an account or a card")
            }
            return String(number)
        }
    }
}

extension DetectionError {
    static func response(_ why: String) -> DetectionError {
        DetectionError(
            code: "detection_response_invalid", message: why,
            hint: "See docs/reference/detection-api.md for the actions and their targets.")
    }

    static func refused(_ why: String) -> DetectionError {
        DetectionError(
            code: "detection_response_refused", message: why,
            hint: "What would shut out the bank itself or half of its clients is never done.")
    }

    static func unknown(_ what: String) -> DetectionError {
        DetectionError(
            code: "detection_unknown", message: "there is no \(what)",
            hint: "List what there is: GET /detection/v1/incidents or /detection/v1/responses.")
    }

    static func conflict(_ why: String) -> DetectionError {
        DetectionError(
            code: "detection_conflict", message: why, hint: "Look at it again: it has changed, or can not be changed.")
    }
}
