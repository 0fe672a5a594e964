import Testing

@testable import PostgresServer

@Suite struct ServerSettingsTests {
    private func settings(
        memory: Int64 = 8 << 30, cores: Int = 4, sharedMemory: Int64 = 4 << 30,
        _ change: (inout Cluster.Options) -> Void = { _ in }
    ) throws -> [String: String] {
        try made(memory: memory, cores: cores, sharedMemory: sharedMemory, change).settings
    }

    private func made(
        memory: Int64 = 8 << 30, cores: Int = 4, sharedMemory: Int64 = 4 << 30,
        _ change: (inout Cluster.Options) -> Void = { _ in }
    ) throws -> ServerSettings {
        var options = Cluster.Options(directory: "/nowhere/cluster")
        change(&options)
        return ServerSettings(
            options: options, files: try ClusterFiles(directory: options.directory), port: options.port,
            machine: Machine(memoryBytes: memory, cores: cores, sharedMemoryBytes: sharedMemory))
    }

    @Test func `without a port nothing listens on TCP`() throws {
        #expect(try settings()["listen_addresses"] == "")
        #expect(try settings { $0.port = 6000 }["listen_addresses"] == "127.0.0.1")
    }

    @Test func `a durable cluster keeps every safety`() throws {
        let durable = try settings()
        for name in ["fsync", "synchronous_commit", "full_page_writes", "autovacuum"] { #expect(durable[name] == nil) }
        #expect(durable["wal_level"] == "logical")
        #expect(durable["max_slot_wal_keep_size"] == "4GB")
    }

    @Test func `a throw-away cluster flushes nothing`() throws {
        let throwaway = try settings { $0.isDurable = false }
        #expect(throwaway["fsync"] == "off")
        #expect(throwaway["wal_level"] == "minimal")
        #expect(throwaway["max_wal_senders"] == "0")
    }

    @Test(arguments: [
        (Int64(1) << 30, "256MB"), (256 << 20, "128MB"), (24 << 30, "6144MB"), (512 << 30, "8192MB"),
    ])
    func `shared buffers are a quarter of the memory, within bounds`(memory: Int64, expected: String) throws {
        #expect(try settings(memory: memory)["shared_buffers"] == expected)
    }

    @Test func `in a container with a small dev-shm, parallel workers meet in files`() throws {
        #expect(try settings(sharedMemory: 64 << 20)["dynamic_shared_memory_type"] == "mmap")
        #expect(try settings()["dynamic_shared_memory_type"] == nil)
    }

    @Test func `a throw-away cluster survives the death of its processes`() throws {
        let throwaway = try settings { $0.isDurable = false }
        #expect(throwaway["synchronous_commit"] == nil)
        #expect(throwaway["full_page_writes"] == nil)
    }

    @Test func `a setting of the caller wins`() throws {
        #expect(try settings { $0.settings = ["work_mem": "1MB"] }["work_mem"] == "1MB")
    }

    @Test func `a value cannot break out of its line`() throws {
        let text = try made { $0.settings = ["cluster_name": "d'été\nfsync = off"] }.configuration
        #expect(text.contains("cluster_name = 'd''été fsync = off'\n"))
        #expect(!text.contains("\nfsync"))
    }

    @Test func `every way in asks for a SCRAM password`() {
        let rules = ServerSettings.hostAccess.split(separator: "\n").filter { !$0.hasPrefix("#") }
        #expect(!rules.isEmpty)
        for rule in rules { #expect(rule.hasSuffix(" scram-sha-256")) }
    }

    @Test func `no bound value is logged`() throws {
        #expect(try settings()["log_parameter_max_length"] == "0")
        #expect(try settings()["log_parameter_max_length_on_error"] == "0")
    }
}
