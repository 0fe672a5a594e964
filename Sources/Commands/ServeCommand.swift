internal import ArgumentParser
internal import Platform

struct ServeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve",
        abstract: "Serve the restored bank: REST, Auth and Realtime as Supabase's clients speak them.")

    @Option(help: ArgumentHelp("Where the bank is.", valueName: "dir"))
    var dataDir = "var"

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

    func run() async throws {
        try await CommandRunner.run {
            var request = ServeRequest(dataDirectory: dataDir)
            request.host = host
            request.port = port
            request.adminPort = adminPort
            request.accessLog = accessLog
            request.certificate = certificate
            request.privateKey = privateKey
            request.origins = origin
            try await ServeService.serve(request) { lines in
                for line in lines { Terminal.output(line) }
            }
            return 0
        }
    }
}
