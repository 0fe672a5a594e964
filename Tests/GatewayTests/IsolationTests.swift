import Foundation
import Gateway
import Postgres
import Synchronization
import TestSupport
import Testing
import Web

/// A thousand clients ask at random, each also for what is others': nobody is ever shown, or moves, a foreign row.
@Suite struct IsolationTests {
    private static let clientCount = 1000

    @Test func `no request of a client ever shows or changes another's row`() async throws {
        try await Served.run { served in
            let town = try await Town.build(served.database, clientCount: Self.clientCount)
            let before = try await town.fingerprint(served.database)
            let seed = UInt64.random(in: .min ... .max)
            let found = Found()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var random = SplitMix(state: seed &+ UInt64(worker))
                        for number in stride(from: worker + 1, through: Self.clientCount, by: 8) {
                            let token = try served.token(town.claims(number))
                            for _ in 0..<5 {
                                let request = RandomRequest.make(number, town, &random)
                                let answer = try await ask(
                                    served.port, request.method, request.target,
                                    ["Authorization": "Bearer \(token)", "Content-Type": "application/json"],
                                    body: request.body)
                                let foreign = town.foreign(in: answer.body, for: number, asked: request)
                                if !foreign.isEmpty || answer.status >= 500 || answer.status == 0 {
                                    found.add("\(request): \(answer.status) \(foreign) \(answer.body)")
                                }
                                if answer.status < 300, answer.body.count > 2 { found.addShown() }
                            }
                        }
                    }
                }
                try await group.waitForAll()
            }
            #expect(found.faults == [], "seed \(seed)")
            // A test in which nothing is ever shown would prove nothing.
            #expect(found.shown > Self.clientCount, "seed \(seed)")
            #expect(try await town.fingerprint(served.database) == before, "seed \(seed)")
        }
    }

    @Test func `changes of rows reach none but their owners`() async throws {
        try await Served.run { served in
            let town = try await Town.build(served.database, clientCount: 40)
            let tokens = try (1...40).map { try served.token(town.claims($0)) }
            let clients = try await blocking {
                try tokens.map { token in
                    let client = try SocketClient(
                        port: served.port, target: "/realtime/v1/websocket?apikey=\(token)")
                    let tables = ["comptes", "transactions", "virements", "ecritures"]
                    let asked: JSON = [
                        "postgres_changes": .array(
                            tables.map { ["event": "*", "schema": "public", "table": .string($0)] })
                    ]
                    let reply = client.join("realtime:mine", asked)
                    #expect(reply?["status"] == "ok", "\(reply?.text ?? "nothing")")
                    return Unchecked(client)
                }
            }
            for number in 1...40 {
                try await served.database.run(
                    "select virer(\(Int64(number * 1000 + 1)), \(Int64(number * 1000 + 2)), 7, \("live-\(number)"))")
            }
            for (index, client) in clients.enumerated() {
                let number = index + 1
                // Two balances, an operation, an order and two postings.
                let frames = try await blocking { (0..<6).compactMap { _ in client.value.message("postgres_changes") } }
                #expect(frames.count == 6)
                for frame in frames {
                    let text = (frame["payload"]?["data"]?["record"] ?? .null).text
                    #expect(town.foreign(in: text, for: number, asked: nil) == [], "\(text)")
                }
            }
        }
    }
}

private final class Found: Sendable {
    private let state = Mutex<(shown: Int, faults: [String])>((0, []))

    var shown: Int { state.withLock { $0.shown } }
    var faults: [String] { state.withLock { $0.faults } }

    func addShown() { state.withLock { $0.shown += 1 } }
    func add(_ fault: String) { state.withLock { $0.faults.append(fault) } }
}

/// Clients whose rows can be told apart by their ids alone.
struct Town: Sendable {
    private let owners: [String: Int]
    let clientIDs: [String]

    static func build(_ database: Database, clientCount: Int) async throws -> Town {
        let count = Int64(clientCount)
        try await database.transaction { tx in
            try await tx.run(
                """
                insert into clients (numero, utilisateur_id)
                select n, ('00000000-0000-4000-8000-' || lpad(n::text, 12, '0'))::uuid from generate_series(1, \(count)) n
                """)
            try await tx.run(
                """
                insert into comptes (id, client_id, type, solde_minor)
                select c.numero * 1000 + k, c.id, 'courant', 100000 from clients c, generate_series(1, 2) k
                """)
            try await tx.run("select setval('comptes_id_seq', 9000000)")
            try await tx.run("select setval('transactions_id_seq', 10000000)")
            try await tx.run(
                """
                insert into beneficiaires (id, client_id, iban_chiffre, iban_index, iban_fin)
                select 30000000 + numero * 1000, id, '\\x00', '\\x00', '0000' from clients
                """)
            try await tx.run("select reprendre_les_soldes()")
            try await tx.run("select ouvrir_journee()")
            try await tx.run(
                """
                select virer(n * 1000 + 1, n * 1000 + 2, 100 + k, 'town-' || n || '-' || k, p_motif => 'mot ' || n)
                from generate_series(1, \(count)) n, generate_series(1, 2) k
                """)
            try await tx.run("alter publication supabase_realtime set (publish_via_partition_root = true)")
            try await tx.run(
                "alter publication supabase_realtime add table comptes, transactions, virements, ecritures")
        }
        var owners: [String: Int] = [:]
        let rows = try await database.run(
            """
            select id::text, numero::bigint from clients
            union all select utilisateur_id::text, numero from clients
            union all select k.id::text, c.numero from comptes k join clients c on c.id = k.client_id
            union all select b.id::text, c.numero from beneficiaires b join clients c on c.id = b.client_id
            union all select v.id::text, v.compte_debit_id / 1000 from virements v
            union all select t.id::text, t.compte_debit_id / 1000 from transactions t where t.compte_debit_id >= 1000
            """)
        for row in rows { owners[try row.decode(0)] = Int(try row.decode(1, as: Int64.self)) }
        let ids = try await database.all("select id::text from clients order by numero", as: String.self)
        return Town(owners: owners, clientIDs: ids)
    }

    func user(_ number: Int) -> String {
        let digits = String(number)
        return "00000000-0000-4000-8000-" + String(repeating: "0", count: 12 - digits.count) + digits
    }

    func claims(_ number: Int) -> JSON {
        [
            "role": "authenticated", "aud": "authenticated", "sub": .string(user(number)), "aal": "aal2",
            "app_metadata": ["role": "client"], "exp": .integer(Int(Date().timeIntervalSince1970) + 3600),
        ]
    }

    /// Values of an answer that belong to somebody else; what the request itself said may be said back.
    func foreign(in body: String, for number: Int, asked: RandomRequest?) -> [String] {
        guard let json = try? JSONReader.read(body) else { return [] }
        let said = asked.map { $0.target + " " + $0.body } ?? ""
        var found: [String] = []
        collect(json, number, said, isError: false, &found)
        return found
    }

    private func collect(_ json: JSON, _ number: Int, _ said: String, isError: Bool, _ found: inout [String]) {
        let isError = isError || (json["code"] != nil && json["message"] != nil)
        switch json {
        case .string(let text): check(text, number, said, isError, &found)
        case .array(let items): for item in items { collect(item, number, said, isError: isError, &found) }
        case .object(let members):
            for member in members {
                if case .number(let text) = member.value {
                    if member.name == "id" || member.name.hasSuffix("_id") {
                        check(text, number, said, isError, &found)
                    }
                } else {
                    collect(member.value, number, said, isError: isError, &found)
                }
            }
        default: break
        }
    }

    private func check(_ text: String, _ number: Int, _ said: String, _ isError: Bool, _ found: inout [String]) {
        guard let owner = owners[text], owner != number, !(isError && said.contains(text)) else { return }
        found.append(text)
    }

    /// Everything that a client might move.
    func fingerprint(_ database: Database) async throws -> String {
        try await database.one(
            """
            select md5(concat(
                (select string_agg(k::text, ';' order by id) from comptes k),
                (select string_agg(c::text, ';' order by id) from clients c),
                (select string_agg(b::text, ';' order by id) from beneficiaires b),
                (select count(*) from transactions), (select count(*) from virements)))
            """, as: String.self)
    }
}

/// One request of a client who looks for more than is theirs.
struct RandomRequest: Sendable, CustomStringConvertible {
    let method: String
    let target: String
    var body = ""

    var description: String { "\(method) \(target) \(body)" }

    private static let selects = [
        "comptes": [
            "*", "id,client_id", "id,cartes(*)", "id,clients(*)", "id,clients(id,beneficiaires(id))",
            "id,ecritures(compte_id,transaction_id)", "id,client:clients!inner(id,utilisateur_id)",
            "...clients(id,numero)",
        ],
        "clients": ["*", "id,comptes(id,client_id)", "id,beneficiaires(*)", "id,utilisateur_id,comptes!inner(id)"],
        "transactions": ["*", "id,compte_debit_id,compte_credit_id", "id,virement_id"],
        "ecritures": ["*", "compte_id,transaction_id", "compte_id,comptes(id,clients(id))"],
        "virements": ["*", "id,donneur_id,transaction_id"],
        "beneficiaires": ["id,client_id,iban_fin", "id,clients(id,utilisateur_id)"],
        "cartes": ["*", "id,compte_id,comptes(id,client_id)"],
        "reservations": ["*", "id,compte_id"],
    ]
    private static let keys = [
        "comptes": ["id", "client_id"], "clients": ["id", "utilisateur_id"],
        "transactions": ["id", "compte_debit_id", "compte_credit_id"], "ecritures": ["compte_id", "transaction_id"],
        "virements": ["id", "donneur_id", "compte_debit_id"], "beneficiaires": ["id", "client_id"],
        "cartes": ["id", "compte_id"], "reservations": ["compte_id"],
    ]

    static func make(_ number: Int, _ town: Town, _ random: inout SplitMix) -> RandomRequest {
        let other = 1 + Int(random.next() % UInt64(town.clientIDs.count))
        switch random.next() % 10 {
        case 0: return call(number, other, &random)
        case 1: return write(other, town, &random)
        case 2: return batch(number, other, town, &random)
        default: return RandomRequest(method: "GET", target: "/rest/v1" + read(other, town, &random))
        }
    }

    private static func pick<Value>(_ values: [Value], _ random: inout SplitMix) -> Value {
        values[Int(random.next() % UInt64(values.count))]
    }

    /// A value of the other client's, or of any.
    private static func value(_ column: String, _ other: Int, _ town: Town, _ random: inout SplitMix) -> String {
        switch column {
        case "client_id", "donneur_id": town.clientIDs[other - 1]
        case "utilisateur_id": town.user(other)
        case "transaction_id": "\(10_000_000 + Int(random.next() % 2000))"
        default: "\(other * 1000 + 1)"
        }
    }

    private static func read(_ other: Int, _ town: Town, _ random: inout SplitMix) -> String {
        let table = pick(selects.keys.sorted(), &random)
        var parts = ["select=" + pick(selects[table] ?? ["*"], &random)]
        let column = pick(keys[table] ?? ["id"], &random)
        let wanted = value(column, other, town, &random)
        switch random.next() % 7 {
        case 0: parts.append("\(column)=eq.\(wanted)")
        case 1: parts.append("\(column)=in.(\(wanted),\(value(column, 1, town, &random)))")
        case 2: parts.append("or=(\(column).eq.\(wanted),\(column).not.is.null)")
        case 3: parts.append("not.and=(\(column).eq.\(wanted),\(column).is.null)")
        case 4: parts.append("\(column)=gte.\(wanted)")
        default: break
        }
        if random.next() % 3 == 0 { parts.append("order=\(column).desc") }
        if random.next() % 3 == 0 { parts.append("limit=\(1 + random.next() % 50)") }
        return "/\(table)?" + parts.joined(separator: "&")
    }

    private static func call(_ number: Int, _ other: Int, _ random: inout SplitMix) -> RandomRequest {
        let (mine, theirs) = (number * 1000 + 1, other * 1000 + 1)
        let target = "/rest/v1/rpc/"
        guard other != number else { return RandomRequest(method: "GET", target: target + "mes_comptes") }
        return switch random.next() % 5 {
        case 0: RandomRequest(method: "GET", target: target + "mes_comptes")
        case 1: RandomRequest(method: "POST", target: target + "solde_du_compte", body: #"{"p_compte":\#(theirs)}"#)
        case 2: RandomRequest(method: "POST", target: target + "releve", body: #"{"p_compte":\#(theirs)}"#)
        // From their account to mine.
        case 3:
            RandomRequest(
                method: "POST", target: target + "virer",
                body: #"{"p_debit":\#(theirs),"p_credit":\#(mine),"p_montant":5,"p_cle":"theft-\#(random.next())"}"#)
        default:
            RandomRequest(
                method: "POST", target: target + "virer_lot",
                body:
                    #"{"p_debits":[\#(theirs)],"p_credits":[\#(mine)],"p_montants":[5],"p_cles":["t-\#(random.next())"]}"#
            )
        }
    }

    private static func write(_ other: Int, _ town: Town, _ random: inout SplitMix) -> RandomRequest {
        let filter = "?id=eq.\(other * 1000 + 1)"
        return switch random.next() % 4 {
        case 0: RandomRequest(method: "PATCH", target: "/rest/v1/comptes" + filter, body: #"{"solde_minor":1}"#)
        case 1: RandomRequest(method: "DELETE", target: "/rest/v1/beneficiaires?id=eq.\(30_000_000 + other * 1000)")
        case 2:
            RandomRequest(
                method: "POST", target: "/rest/v1/comptes",
                body: #"{"client_id":"\#(town.clientIDs[other - 1])","type":"courant"}"#)
        default:
            RandomRequest(
                method: "PATCH", target: "/rest/v1/clients?id=eq.\(town.clientIDs[other - 1])",
                body: #"{"utilisateur_id":"\#(town.user(1))"}"#)
        }
    }

    private static func batch(
        _ number: Int, _ other: Int, _ town: Town, _ random: inout SplitMix
    ) -> RandomRequest {
        let inner = [
            RandomRequest(method: "GET", target: "/rest/v1" + read(other, town, &random)), call(number, other, &random),
        ]
        let requests = inner.enumerated().map { index, request -> JSON in
            var members: [JSON.Member] = [
                .init("id", .string("r\(index)")), .init("method", .string(request.method)),
                .init("path", .string(String(request.target.dropFirst("/rest/v1".count)))),
            ]
            if let body = try? JSONReader.read(request.body) { members.append(.init("body", body)) }
            return .object(members)
        }
        return RandomRequest(
            method: "POST", target: "/rest/v1/batch", body: JSON.object([.init("requests", .array(requests))]).text)
    }
}
