import Foundation
import Testing

@testable import Continuity
@testable import PostgresServer

/// A repository behind S3 with an object lock, against a real S3 server over TLS.
@Suite(.serialized, .enabled(if: LivingBank.isPossible, "pgbackrest is not installed")) struct ObjectStoreTests {
    @Test("what a thief of the key removes and writes over comes back out of the lock, and restores the bank")
    func locked() async throws {
        let server = try await StoreServer()
        defer { server.stop() }
        let repository = try await server.bucket("banque-verrou", .lock(days: 60))
        let bank = try await LivingBank { server.settings([$0.path + "/repository1", repository]) }
        let result: Result<Void, any Error>
        do { result = .success(try await Self.drive(bank, server, repository)) } catch { result = .failure(error) }
        await bank.end()
        try result.get()
    }

    private static func drive(_ bank: LivingBank, _ server: StoreServer, _ repository: String) async throws {
        #expect(bank.prepared.contains { $0.hasPrefix("locked        repository 2: COMPLIANCE, 60 days") })
        let made = try await bank.desk.make(.full)
        #expect(made.sets.map(\.repository).sorted() == [1, 2] && made.failures.isEmpty)
        try await bank.with { _ = try await LivingBank.transfer(1, 2, 77, "into S3", in: $0) }
        try await bank.archive()
        #expect(try await bank.desk.make(.incr).failures.isEmpty)
        let balances = try await bank.with { database in
            _ = try await LivingBank.transfer(2, 3, 11, "behind the set", in: database)
            return try await LivingBank.balances(database)
        }
        try await bank.archive()
        let audit = try await bank.desk.verify()
        #expect(audit.isSound, "\(audit.findings)")
        #expect(await bank.desk.storeTroubles().isEmpty)

        // The first repository is gone: the bank comes back from S3 alone.
        let local = bank.desk.folder.path + "/repository1"
        try FileManager.default.moveItem(atPath: local, toPath: local + ".away")
        try await Self.restores(bank, from: 2, balances)
        try FileManager.default.moveItem(atPath: local + ".away", toPath: local)

        // Whoever has the key can not remove a version; what can be done is to hide, and to write over.
        let client = try server.client(repository)
        let listing = try await ObjectListing.read(client, prefix: "bank/")
        for version in listing.versions.prefix(5) {
            let answer = try await ObjectStoreLock.remove(version.key, version.version, client)
            #expect(answer.status == 403 && answer.code == "AccessDenied", "\(answer)")
        }
        let current = listing.versions.filter(\.isLatest)
        for version in current {
            let isHidden = version.key.contains("backup.info") || version.key.hasSuffix("0")
            let answer = try await client.send(
                .init(
                    method: isHidden ? "DELETE" : "PUT", key: version.key, body: isHidden ? [] : Array("ransom".utf8)))
            #expect(answer.isDone, "\(answer)")
        }
        let found = try await bank.desk.verify(deep: false).findings.filter { $0.repository == 2 }
        let kinds = Set(found.map(\.kind))
        #expect(kinds.contains("file-changed") && kinds.contains("log-changed"), "\(kinds)")
        #expect(found.contains { $0.words.contains("its signed version is kept") })

        // Both are lost for pgBackRest; the signed versions are put where the first one was.
        try FileManager.default.removeItem(atPath: local)
        let label = try await bank.desk.assemble(repository: 2, into: local)
        #expect(label.hasSuffix("I"))
        try await Self.restores(bank, from: 1, balances)
    }

    private static func restores(_ bank: LivingBank, from repository: Int, _ balances: [Int64]) async throws {
        var request = Restorer.Request(target: .newest, directory: bank.place("from-s3"))
        request.isScratch = true
        request.usesServerLog = false
        request.usesReceivedLog = false
        request.repository = repository
        // Verification named the sets of a repository that was damaged: the set is chosen by hand.
        let sets = try await PgBackRest(folder: bank.desk.folder).inventory().sets
        request.label = sets.filter { $0.repository == repository }.max { $0.stoppedAt < $1.stoppedAt }?.label
        let restored = try await Restorer(desk: bank.desk).restore(request)
        let found = try await bank.desk.withBank(restored.cluster) { try await LivingBank.balances($0) }
        #expect(found == balances)
        try await restored.cluster.destroy()
    }

    @Test("a bucket without versions, without a lock, or with one that is too short is named, and what is missing")
    func unlocked() async throws {
        let server = try await StoreServer()
        defer { server.stop() }
        for (name, care, kind) in [
            ("sans-versions", StoreServer.Care.nothing, "versions-off"), ("sans-verrou", .versions, "lock-off"),
            ("verrou-court", .lock(days: 7), "lock-short"),
        ] {
            let repository = try await server.bucket(name, care)
            let lock = try await ObjectStoreLock.look(try server.client(repository))
            let troubles = lock.troubles(server.settings([repository]))
            #expect(troubles.map(\.kind) == [kind], "\(name): \(lock)")
        }
        // A second look tries the probe that is there and makes no other.
        let client = try server.client("s3://verrou-court/bank")
        #expect(try await ObjectStoreLock.look(client).isProved)
        #expect(try await ObjectListing.read(client, prefix: "bank/").versions.count == 1)
        let answer = try await client.send(.init(key: "bank/nothing-here"))
        #expect(answer.status == 404 && answer.code == "NoSuchKey")
    }

    @Test("a signature is what AWS's own example says")
    func signature() {
        // https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html, GET Object.
        let signer = SignatureV4(
            key: ObjectStoreKey(id: "AKIAIOSFODNN7EXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1")
        let headers = signer.headers(
            "GET", path: "/test.txt", query: [],
            headers: ["host": "examplebucket.s3.amazonaws.com", "range": "bytes=0-9"],
            bodyDigest: SignatureV4.emptyDigest, at: "20130524T000000Z")
        #expect(
            headers["authorization"]
                == "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
                + "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
                + "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
        let listed = signer.headers(
            "GET", path: "/", query: [("prefix", "J"), ("max-keys", "2")],
            headers: ["host": "examplebucket.s3.amazonaws.com"], bodyDigest: SignatureV4.emptyDigest,
            at: "20130524T000000Z")
        #expect(
            listed["authorization"]?.hasSuffix(
                "Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7") == true)
    }

    @Test(
        "what is no place in a bucket is refused",
        arguments: [
            "s3://", "s3://ab", "s3://Bank/x", "s3://bank/a b", "s3://bank/../x", "s3://bank_x/y", "s3://bank/\"x",
            "/bank",
        ])
    func places(_ text: String) {
        #expect(BucketPlace(text) == nil)
        #expect(BucketPlace("s3://bank/a//b/")?.prefix == "a/b")
        #expect(throws: ContinuityError.self) {
            try ObjectStore(endpoint: "host:x", region: "r").checked()
        }
    }
}
