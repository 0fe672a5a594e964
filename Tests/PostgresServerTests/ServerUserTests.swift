import Foundation
import TestSupport
import Testing

@testable import PostgresServer

@Suite struct ServerUserTests {
    private let machine: @Sendable (String) -> ServerUser? = { name in
        [
            "postgres": ServerUser(name: "postgres", uid: 101, gid: 104),
            "root": ServerUser(name: "root", uid: 0, gid: 0),
        ][
            name]
    }

    @Test func `the first user of the list that exists runs the server`() throws {
        #expect(try ServerUser.choose(asked: nil, lookup: machine).name == "postgres")
    }

    @Test func `a user asked for who does not exist is an error, not a second choice`() {
        let error = #expect(throws: ServerError.self) { try ServerUser.choose(asked: "anna", lookup: machine) }
        #expect(error?.code == "server_user_missing")
    }

    @Test func `root never runs the server`() {
        let error = #expect(throws: ServerError.self) { try ServerUser.choose(asked: "root", lookup: machine) }
        #expect(error?.code == "server_user_is_root")
    }

    @Test(.enabled(if: geteuid() == 0)) func `a folder behind a closed one is refused and the closed one named`()
        async throws
    {
        try await withTemporaryDirectory { folder in
            let closed = folder + "/closed"
            try FileManager.default.createDirectory(
                atPath: closed + "/deep", withIntermediateDirectories: true)
            chmod(closed, 0o700)
            let error = await #expect(throws: ServerError.self) {
                try await Cluster.create(Cluster.Options(directory: closed + "/deep/cluster"))
            }
            #expect(error?.code == "directory_not_reachable")
            #expect(error?.message.hasSuffix(closed) == true)
            #expect(!FileManager.default.fileExists(atPath: closed + "/deep/cluster/data"))
        }
    }
}
