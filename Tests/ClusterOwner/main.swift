// A process that owns a cluster, for the tests that kill it: `cluster-owner FOLDER keeps|ends|resumes`.
import Foundation
import PostgresServer

var options = Cluster.Options(directory: CommandLine.arguments[1])
options.isDurable = false
options.settings = ["shared_buffers": "16MB"]
options.outlivesOwner = CommandLine.arguments[2] == "keeps"
options.isRemovedWithOwner = CommandLine.arguments[2] == "ends"

let cluster = try await Cluster.create(options)
try await cluster.start()
if case .running(let identifier) = cluster.status {
    FileHandle.standardOutput.write(Data("\(identifier)\n".utf8))
}
// Holds the cluster until killed, or until the test is gone.
_ = FileHandle.standardInput.readDataToEndOfFile()
withExtendedLifetime(cluster) {}
