internal import ArgumentParser
internal import Platform

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the restored bank: REST, Auth and Realtime as Supabase's clients speak them.")

    @Option(
        help: ArgumentHelp(
            "Serve one part: rest serves any database as PostgREST does, by PostgREST's settings; fraud only scores payments.",
            valueName: "part"))
    var only: String?

    @Option(help: ArgumentHelp("PostgREST's configuration file, for --only rest.", valueName: "file"))
    var config: String?

    @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
    var dataDir = "var"

    @Option(
        help: ArgumentHelp(
            "A database that others run, in place of the one in --data-dir; its password comes from PGPASSWORD.",
            valueName: "dsn"))
    var database: String?

    @Option(help: ArgumentHelp("Whom the console asks for monitoring boards.", valueName: "url"))
    var prometheus: String?

    @Option(help: "The address to listen on.")
    var host = "127.0.0.1"

    @Option(help: "The port; 0 takes a free one.")
    var port = 8000

    @Option(help: "The port of /live, /ready and /metrics; 0 takes a free one.")
    var adminPort = 8001

    @Option(help: ArgumentHelp("One JSON line for each request; - is standard output.", valueName: "file"))
    var accessLog: String?

    @Option(help: ArgumentHelp("A certificate chain: with it the server speaks TLS and HTTP/2.", valueName: "pem"))
    var certificate: String?

    @Option(help: ArgumentHelp("The certificate's private key.", valueName: "pem"))
    var privateKey: String?

    @Option(help: ArgumentHelp("Web pages of this origin may call; may be repeated.", valueName: "origin"))
    var origin: [String] = []

    @Option(
        help: ArgumentHelp(
            "A proxy whose X-Forwarded-For is believed, or a block of them: 10.0.0.0/8; may be repeated.",
            valueName: "block"))
    var trustedProxy: [String] = []

    @Option(
        help: ArgumentHelp("Where clients reach the server from outside; goes into tokens and mails.", valueName: "url")
    )
    var publicUrl: String?

    @Option(help: ArgumentHelp("An address that a sign-in may lead back to; may be repeated.", valueName: "url"))
    var redirect: [String] = []

    @Option(
        help: ArgumentHelp(
            "Passwords in circulation, made by: digitalbank users breached-passwords", valueName: "file"))
    var breachedPasswords: String?

    @Option(
        help: ArgumentHelp(
            "The OpenID Connect provider that people may sign in with: a JSON file.", valueName: "file"))
    var oidc: String?

    @Option(
        help: ArgumentHelp("host[:port] of the relay that takes mail; else mail goes to files.", valueName: "relay"))
    var smtp: String?

    @Option(help: ArgumentHelp("The sender of mail.", valueName: "address"))
    var mailFrom = "banque@localhost"

    @Option(
        help: ArgumentHelp(
            "Rows that a read of the role gives at most, and the cost that the planner may estimate; 0 is no limit; may be repeated.",
            valueName: "role=rows[:cost]"))
    var ceiling: [String] = []

    @Option(help: ArgumentHelp("Look for attacks in requests: off, detect or block.", valueName: "mode"))
    var waf = "off"

    @Option(help: ArgumentHelp("Where what was seen is noted, a line of JSON each.", valueName: "file"))
    var wafLog: String?

    @Option(
        help: ArgumentHelp("Treat a path otherwise, /rest/v1/rpc=detect; may be repeated.", valueName: "path=mode"))
    var wafRoute: [String] = []

    @Option(
        help: ArgumentHelp("Also ask libmodsecurity, with the rules of this configuration.", valueName: "file"))
    var wafRules: String?

    @Option(
        help: ArgumentHelp(
            "Follow these logs: incidents, anonymised lines, responses; may be repeated.", valueName: "dir"))
    var watch: [String] = []

    @Option(
        help: ArgumentHelp(
            "Where the very first start of --watch begins, as with logs follow --from.",
            valueName: "newest|start|end|now"))
    var watchFrom = "newest"

    @Option(
        help: ArgumentHelp(
            "Every so many days train a fraud model on the bank's own decisions; it challenges if it is no worse.",
            valueName: "days"))
    var fraudRetrain: Int?

    @Flag(help: "Keep what may be kept no longer; `privacy retain` lets go of it by hand.")
    var noRetention = false

    @OptionGroup var tuning: LogTuning

    @Flag(help: "Do what follows from findings; otherwise it is only written down.")
    var respond = false

    @Option(help: ArgumentHelp("Addresses that are never banned; may be repeated.", valueName: "block"))
    var protect: [String] = []

    func validate() throws {
        guard only == nil || only == "rest" || only == "fraud" else {
            throw ValidationError("--only takes: rest or fraud")
        }
        guard fraudRetrain.map({ (1...365).contains($0) }) ?? true else {
            throw ValidationError("--fraud-retrain takes 1 to 365 days")
        }
        guard !respond || !watch.isEmpty || waf != "off" else {
            throw ValidationError("--respond needs --watch or --waf")
        }
        guard !watch.isEmpty || tuning.suppress == nil && tuning.map.isEmpty else {
            throw ValidationError("--suppress and --map need --watch")
        }
        guard LogsService.beginnings.contains(watchFrom), !watch.isEmpty || watchFrom == "newest" else {
            throw ValidationError(
                "--watch-from takes \(LogsService.beginnings.joined(separator: ", ")), and needs --watch")
        }
        for text in ceiling where RoleCeiling(text) == nil {
            throw ValidationError(
                "--ceiling \(text) is no ceiling: give ROLE=ROWS or ROLE=ROWS:COST, as in anon=1000:100000")
        }
        guard ["off", "detect", "block"].contains(waf) else {
            throw ValidationError("--waf takes off, detect or block")
        }
        for text in wafRoute where ServeRequest.Inspection.Route(text) == nil {
            throw ValidationError("--waf-route \(text) is no route: give a path and off, detect or block")
        }
        guard waf != "off" || wafRoute.isEmpty && wafRules == nil else {
            throw ValidationError("--waf-route and --waf-rules need --waf detect or block")
        }
        for (name, port) in [("--port", port), ("--admin-port", adminPort)] where !(0...65_535).contains(port) {
            throw ValidationError("\(name) \(port) is no port: choose one from 1 to 65535, or 0 for a free one")
        }
        if let smtp { _ = try relay(smtp) }
    }

    private func relay(_ text: String) throws -> ServeRequest.MailRelay {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let host = parts.first, !host.isEmpty, let port = parts.count > 1 ? UInt16(parts[1]) : 25 else {
            throw ValidationError("--smtp \(text) is no relay: give host or host:port")
        }
        return ServeRequest.MailRelay(host: host, port: port, sender: mailFrom)
    }

    func run() async throws {
        try await CommandRunner.run {
            if only == "rest" {
                try await RestOnlyService.serve(configuration: config, accessLog: accessLog) { lines in
                    for line in lines { Terminal.output(line) }
                }
                return 0
            }
            var request = ServeRequest(dataDirectory: dataDir)
            request.database = database
            request.version = productVersion
            request.prometheus = prometheus
            request.host = host
            request.port = port
            request.adminPort = adminPort
            request.accessLog = accessLog
            request.certificate = certificate
            request.privateKey = privateKey
            request.origins = origin
            request.trustedProxies = trustedProxy
            request.publicURL = publicUrl
            request.redirects = redirect
            request.breachedPasswords = breachedPasswords
            request.provider = oidc
            request.ceilings = ceiling.compactMap { RoleCeiling($0) }
            request.fraudRetrainingDays = fraudRetrain
            request.retains = !noRetention
            request.places = tuning.geo
            if let smtp { request.mailRelay = try relay(smtp) }
            if !watch.isEmpty {
                var watching = ServeRequest.Watching(places: watch, responds: respond, protected: protect)
                (watching.tuning, watching.from) = (tuning.tuning, watchFrom)
                request.watching = watching
            }
            if waf != "off" {
                var inspection = ServeRequest.Inspection(refuses: waf == "block", log: wafLog)
                inspection.routes = wafRoute.compactMap { ServeRequest.Inspection.Route($0) }
                inspection.secondRules = wafRules
                (inspection.responds, inspection.protected) = (respond, protect)
                request.inspection = inspection
            }
            if only == "fraud" {
                try await FraudOnlyService.serve(request) { lines in for line in lines { Terminal.output(line) } }
                return 0
            }
            try await ServeService.serve(request) { lines in
                for line in lines { Terminal.output(line) }
            }
            return 0
        }
    }
}
