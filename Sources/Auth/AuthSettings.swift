/// Everything about Auth that an operator chooses. Times are in seconds.
public struct AuthSettings: Sendable {
    /// Where clients reach Auth, without a slash at the end: the issuer of tokens and the base of links in mails. Never
    /// taken from a request.
    public var externalURL: String
    /// Where people go who came without a place to go back to.
    public var siteURL: String
    /// Other places that people may be sent back to: `https://*.bank.example/**`, `com.bank.app://callback`.
    public var redirectAllowList: [String] = []
    public var audience = "authenticated"

    public var isSignupEnabled = true
    public var isAnonymousEnabled = false
    /// New addresses count as confirmed without a mail.
    public var isAutoconfirmed = false
    /// A change of password asks for the code of `reauthenticate` once the session is older than a day.
    public var isReauthenticationRequired = false

    public var accessTokenSeconds: Int64 = 3600
    /// How long the refresh token before the last one is still answered, with the same successor.
    public var refreshReuseSeconds: Int64 = 10
    /// A session ends so long after it began, or after its last refresh; nil is never.
    public var sessionSecondsMax: Int64?
    public var sessionIdleSecondsMax: Int64?
    public var codeSeconds: Int64 = 3600
    public var flowSeconds: Int64 = 600
    public var challengeSeconds: Int64 = 300
    public var factorsMax = 10
    /// Wrong codes after which a code that was sent is void.
    public var codeFailuresMax = 5

    public var password = PasswordRules()
    public var argon2 = Argon2Parameters()
    public var limits = AuthLimits()
    public var provider: ProviderSettings?
    /// The name in authenticator apps and mails.
    public var bankName = "DigitalBank"
    public var language = MailLanguage.french

    public init(externalURL: String, siteURL: String) {
        self.externalURL = externalURL
        self.siteURL = siteURL
    }
}

/// At most `count` attempts in any `seconds`.
public struct AttemptWindow: Sendable, Hashable {
    public var count: Int
    public var seconds: Int

    public init(_ count: Int, per seconds: Int) {
        self.count = count
        self.seconds = seconds
    }
}

/// How often things may be tried, by account and by network address. Counted in the database, for all servers together.
public struct AuthLimits: Sendable {
    public var tokenByAddress = AttemptWindow(150, per: 300)
    public var signupByAddress = AttemptWindow(30, per: 300)
    public var anonymousByAddress = AttemptWindow(30, per: 3600)
    public var codeByAddress = AttemptWindow(30, per: 300)
    public var verifyByAddress = AttemptWindow(30, per: 300)
    public var userByAddress = AttemptWindow(150, per: 300)
    /// Wrong passwords for one account from one address, and from all those together where nobody ever signed in to it.
    public var passwordByAccountAndAddress = AttemptWindow(10, per: 300)
    public var passwordByAccount = AttemptWindow(100, per: 3600)
    public var codeByAccount = AttemptWindow(15, per: 300)
    public var factorByUser = AttemptWindow(15, per: 300)
    public var mailsPerHour = AttemptWindow(1000, per: 3600)
    public var mailPauseSeconds = 60

    public init() {}
}

/// What a new password must be.
public struct PasswordRules: Sendable {
    public var lengthMin = 8
    /// In bytes of UTF-8.
    public var bytesMax = 256
    /// Passwords that are known to be in circulation; nil looks at none.
    public var isBreached: (@Sendable (String) -> Bool)?

    public init() {}

    /// Why a password is refused: `length`, `characters`, `pwned`. Empty when it is fine.
    func faults(of password: String) -> [String] {
        var faults: [String] = []
        if password.count < lengthMin || password.utf8.count > bytesMax { faults.append("length") }
        if Set(password).count < 3 { faults.append("characters") }
        if isBreached?(password) == true { faults.append("pwned") }
        return faults
    }
}
