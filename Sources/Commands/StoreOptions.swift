internal import ArgumentParser
internal import Platform

/// How repositories behind S3 are reached.
struct StoreOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Of repositories named s3://bucket/prefix.", valueName: "host:port"))
    var s3Endpoint: String?

    @Option(help: "The bucket's region.")
    var s3Region = "us-east-1"

    @Option(
        help: ArgumentHelp(
            "The key's id and its secret, a line each; without: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            valueName: "file"))
    var s3KeyFile: String?

    @Option(help: ArgumentHelp("The authority behind the endpoint's certificate.", valueName: "file"))
    var s3CaFile: String?

    @Flag(help: "https://bucket.endpoint instead of https://endpoint/bucket.")
    var s3HostStyle = false

    @Flag(help: "Take any certificate of the endpoint.")
    var s3Unverified = false

    var order: ContinuityService.StoreOrder? {
        s3Endpoint.map {
            ContinuityService.StoreOrder(
                endpoint: $0, region: s3Region, keyFile: s3KeyFile, authorityFile: s3CaFile,
                isPathStyle: !s3HostStyle, verifiesTLS: !s3Unverified)
        }
    }
}
