public import Web

/// How the engine works; the defaults are right for a bank.
public struct AutomationSettings: Sendable {
    /// How often the outbox and the lanes are looked at while there is nothing to do.
    public var pollEvery: Duration = .milliseconds(100)
    public var eventsPerPass = 500
    public var lanesPerClaim = 256
    public var deliveriesPerClaim = 1024
    public var sendsAtOnce = 64
    /// Claims of one destination that this server works on at once.
    public var claimsAtOnce = 2
    public var leaseSeconds = 60
    public var sendTimeMax: Duration = .seconds(20)
    /// How long a function or a report may take; its lane stays leased meanwhile.
    public var functionTimeMax: Duration = .seconds(1800)
    /// Failures in a row behind which a destination rests.
    public var failuresThatTrip = 10
    public var circuitRestSeconds = 30.0
    /// How late a schedule with `catch_up: skip` may be.
    public var graceSeconds = 60
    public var historyDays = 90
    /// Networks in CIDR form that may be called though they are not public.
    public var networks: [String] = []
    /// Certificates in PEM that are trusted in place of the system's.
    public var trustedCertificates: String?
    /// Where files that mails may carry lie; nil: mails carry none.
    public var attachmentsFolder: String?
    /// What templates find under `bank`.
    public var bank: JSON = ["name": "DigitalBank", "url": "http://127.0.0.1:8000"]

    public init() {}
}

/// Seals and opens the secrets of destinations; their place is bound to the value.
public struct SecretBox: Sendable {
    public let seal: @Sendable (_ value: [UInt8], _ name: String) async throws -> [UInt8]
    public let open: @Sendable (_ sealed: [UInt8], _ name: String) async throws -> [UInt8]

    public init(
        seal: @escaping @Sendable ([UInt8], String) async throws -> [UInt8],
        open: @escaping @Sendable ([UInt8], String) async throws -> [UInt8]
    ) {
        self.seal = seal
        self.open = open
    }
}

/// Work of other capabilities that a scenario may ask for by name. It is told the delivery's key, so that it can know a
/// second call for what it is.
public typealias AutomationFunction = @Sendable (_ arguments: JSON, _ key: String) async throws -> String
