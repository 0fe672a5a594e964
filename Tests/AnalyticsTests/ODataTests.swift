import Foundation
import HTTPTypes
import Postgres
import Synchronization
import Testing
import Web

@testable import Analytics

/// The service over a filled star schema, compared with SQL.
@Suite(.enabled(if: Star.isThere, "\(Star.absent)")) struct ODataTests {
    private func get(
        _ bank: Star.Bank, _ path: String, _ query: String = "", _ fields: HTTPFields = [:], now: Int64 = 1000
    ) async throws -> (status: Int, json: JSON, response: ApiResponse) {
        let service = ODataService(bank.analytics, clock: { now })
        let response = await service.handle(
            ApiRequest(method: .get, path: path, query: query.replacing(" ", with: "%20"), fields: fields),
            root: "https://bank.example/bi/odata")
        let json = (try? JSONReader.read(response.body)) ?? .null
        return (response.status.code, json, response)
    }

    @Test("the service names its sets, describes them and counts them")
    func documents() async throws {
        try await Star.with { bank in
            let (status, root, response) = try await get(bank, "/")
            #expect(status == 200 && response.fields[.odataVersion] == "4.0")
            #expect(root["@odata.context"]?.string == "https://bank.example/bi/odata/$metadata")
            let names = root["value"]?.array?.compactMap { $0["name"]?.string } ?? []
            #expect(names.contains("fact_transaction") && names.contains("dim_client") && !names.contains("jetons"))
            let metadata = try await get(bank, "/$metadata")
            let text = String(decoding: metadata.response.body, as: UTF8.self)
            #expect(metadata.response.fields[.contentType]?.hasPrefix("application/xml") == true)
            let document = try XMLOutline(text)
            let sets = document.elements.filter { $0.name == "EntitySet" }.compactMap { $0.attributes["Name"] }
            #expect(Set(sets) == Set(names))
            // Every end of every link is there.
            let types = Set(document.elements.filter { $0.name == "EntityType" }.compactMap { $0.attributes["Name"] })
            for element in document.elements where element.name == "NavigationProperty" {
                #expect(types.contains(String((element.attributes["Type"] ?? "").dropFirst("Banque.".count))))
            }
            #expect(
                text.contains("Name=\"montant\" Type=\"Edm.Decimal\" Precision=\"18\" Scale=\"4\" Nullable=\"false\""))
            let count = try await get(bank, "/fact_transaction/$count", "$filter=montant gt 100")
            #expect(
                String(decoding: count.response.body, as: UTF8.self)
                    == "\(try await bank.number("select count(*) from bi.fact_transaction where montant > 100"))")
        }
    }

    @Test("filters give what SQL gives")
    func filters() async throws {
        try await Star.with { bank in
            let cases: [(odata: String, table: String, sql: String)] = [
                ("montant gt 100.5", "fact_transaction", "montant > 100.5"),
                (
                    "montant gt 50 and not (montant gt 100) or transaction_cle lt 10", "fact_transaction",
                    "montant > 50 and not montant > 100 or transaction_cle < 10"
                ),
                (
                    "year(horodatage) eq 2018 and hour(horodatage) ge 12", "fact_transaction",
                    "extract(hour from horodatage at time zone 'UTC') >= 12"
                ),
                (
                    "client/departement eq '2A'", "fact_transaction",
                    "client_cle in (select client_cle from bi.dim_client where departement = '2A')"
                ),
                (
                    "client/departement in ('2A','974') and date/jour le 2018-04-01", "fact_transaction",
                    "client_cle in (select client_cle from bi.dim_client where departement in ('2A', '974')) and date_cle <= 20180401"
                ),
                ("est_fraude eq null", "fact_alerte_fraude", "est_fraude is null"),
                ("est_fraude ne true", "fact_alerte_fraude", "est_fraude is distinct from true"),
                ("not (est_fraude eq true)", "fact_alerte_fraude", "est_fraude is distinct from true"),
                ("not est_fraude", "fact_alerte_fraude", "not est_fraude"),
                (
                    "score gt 0.5 and delai_cloture_heures lt 6", "fact_alerte_fraude",
                    "score > 0.5 and delai_cloture_heures < 6"
                ),
                (
                    "not (delai_cloture_heures lt 6)", "fact_alerte_fraude",
                    "not coalesce(delai_cloture_heures < 6, false)"
                ),
                (
                    "contains(segment,'épargne') and startswith(departement,'7')", "dim_client",
                    "segment like '%épargne%' and departement like '7%'"
                ),
                (
                    "endswith(client,'a') or length(segment) eq 12", "dim_client",
                    "client like '%a' or length(segment) = 12"
                ),
                ("substring(client,0,1) eq 'C' and indexof(client,'C') eq 0", "dim_client", "client like 'C%'"),
                ("tolower(segment) eq 'compte joint'", "dim_client", "segment = 'compte joint'"),
                ("concat(segment,'!') eq 'compte joint!'", "dim_client", "segment = 'compte joint'"),
                ("ferie eq null and est_ouvre", "dim_date", "ferie is null and est_ouvre"),
                ("ferie ne null", "dim_date", "ferie is not null"),
                ("annee mod 4 eq 0", "dim_date", "annee % 4 = 0"),
                (
                    "montant div 3 gt 40 and round(montant) eq 150", "fact_transaction",
                    "montant / 3 > 40 and round(montant) = 150"
                ),
                ("transaction_cle divby 2 eq 500.5", "fact_transaction", "transaction_cle = 1001"),
                ("transaction_cle div 2 eq 500", "fact_transaction", "transaction_cle in (1000, 1001)"),
                ("transaction_cle eq 99999999999999999999999", "fact_transaction", "false"),
                ("marchand eq 'x'' or ''1''=''1'", "dim_marchand", "marchand = 'x'' or ''1''=''1'"),
            ]
            for (odata, table, sql) in cases {
                let answer = try await get(
                    bank, "/\(table)/$count",
                    "$filter=\(odata.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "")")
                let wanted = try await bank.number("select count(*) from bi.\(table) where \(sql)")
                #expect(String(decoding: answer.response.body, as: UTF8.self) == "\(wanted)", "\(odata)")
            }
        }
    }

    @Test("pages follow each other without a gap or a repetition, in every order")
    func paging() async throws {
        try await Star.with { bank in
            let cases: [(set: String, query: String, order: String)] = [
                ("dim_client", "", "client_cle"),
                ("dim_client", "$orderby=departement desc,segment", "departement desc, segment, client_cle"),
                ("fact_alerte_fraude", "$orderby=est_fraude", "est_fraude nulls first, alerte_cle"),
                ("fact_alerte_fraude", "$orderby=est_fraude desc", "est_fraude desc nulls last, alerte_cle"),
                (
                    "fact_alerte_fraude", "$orderby=delai_cloture_heures desc,score",
                    "delai_cloture_heures desc nulls last, score nulls first, alerte_cle"
                ),
                ("fact_solde_jour", "", "date_cle, compte_cle"),
                ("fact_solde_jour", "$filter=solde gt 0&$orderby=solde", "solde, date_cle, compte_cle"),
                ("dim_date", "$orderby=ferie", "ferie nulls first, date_cle"),
                ("fact_alerte_fraude", "$orderby=date/jour desc,montant mul 2", "date_cle desc, montant, alerte_cle"),
            ]
            for (set, query, order) in cases {
                let entity = try #require(try await bank.analytics.model().entity(set))
                let key = entity.key.map { "\"\($0)\"::text" }.joined(separator: " || '/' || ")
                let filter = query.contains("solde gt 0") ? "where solde > 0" : ""
                let wanted = try await bank.database.run(
                    Statement(unchecked: "select \(key) as k from bi.\"\(set)\" \(filter) order by \(order)")
                ).map { try $0.decode(0, as: String.self) }
                let total = wanted.count
                var found: [String] = []
                var next: String? = query + (query.isEmpty ? "" : "&") + "$count=true"
                while let query = next {
                    let (status, json, _) = try await get(
                        bank, "/\(set)", query, [.prefer: "odata.maxpagesize=\(max(7, total / 5))"])
                    try #require(status == 200, "\(json.text)")
                    #expect(json["@odata.count"]?.integer == Int64(total))
                    for row in json["value"]?.array ?? [] {
                        found.append(
                            entity.key.map { name in
                                if case .number(let digits) = row[name] { return digits }
                                return row[name]?.string ?? ""
                            }.joined(separator: "/"))
                    }
                    next = json["@odata.nextLink"]?.string.map { String($0.split(separator: "?", maxSplits: 1)[1]) }
                }
                #expect(found == wanted, "\(set) \(query)")
            }
        }
    }

    @Test("$top and $skip bound the whole, also over pages, and a page is never larger than the server's")
    func bounds() async throws {
        try await Star.with { bank in
            var found = 0
            var next: String? = "$top=25&$skip=5&$select=transaction_cle"
            var pages = 0
            var first: Int64?
            while let query = next {
                let (_, json, _) = try await get(bank, "/fact_transaction", query, [.prefer: "odata.maxpagesize=10"])
                let rows = json["value"]?.array ?? []
                first = first ?? rows.first?["transaction_cle"]?.integer
                found += rows.count
                pages += 1
                next = json["@odata.nextLink"]?.string.map { String($0.split(separator: "?", maxSplits: 1)[1]) }
            }
            #expect(found == 25 && pages == 3)
            #expect(
                try await first
                    == bank.number("select transaction_cle from bi.fact_transaction order by 1 offset 5 limit 1"))
            let (_, large, response) = try await get(
                bank, "/fact_transaction", "$select=montant", [.prefer: "odata.maxpagesize=99999999"])
            #expect(response.fields[.preferenceApplied] == "odata.maxpagesize=\(ODataService.pageSizeMax)")
            #expect((large["value"]?.array?.count ?? 0) <= Int(ODataService.pageSizeMax))
            #expect(try await get(bank, "/dim_date", "", [.prefer: "odata.maxpagesize=0"]).status == 400)
            #expect(try await get(bank, "/dim_date", "$top=0").json["value"]?.array?.isEmpty == true)
        }
    }

    @Test("a page token that is old, changed or of another query is refused")
    func tokens() async throws {
        try await Star.with { bank in
            let fields: HTTPFields = [.prefer: "odata.maxpagesize=10"]
            let (_, json, _) = try await get(bank, "/dim_date", "$orderby=jour", fields)
            let link = try #require(json["@odata.nextLink"]?.string)
            let query = String(link.split(separator: "?", maxSplits: 1)[1])
            #expect(try await get(bank, "/dim_date", query, fields).status == 200)
            #expect(try await get(bank, "/dim_date", query, fields, now: 100_000).status == 410)
            #expect(try await get(bank, "/dim_date", query.replacing("jour", with: "annee"), fields).status == 400)
            #expect(try await get(bank, "/dim_heure", query.replacing("jour", with: "heure"), fields).status == 400)
            #expect(try await get(bank, "/dim_date", query + "AAAA", fields).status == 410)
            #expect(try await get(bank, "/dim_date", "$skiptoken=x'%20or%201=1", fields).status == 410)
        }
    }

    @Test("links are expanded one level, rows are found by key, and links are walked")
    func links() async throws {
        try await Star.with { bank in
            let (_, json, _) = try await get(
                bank, "/fact_transaction",
                "$top=1&$select=montant&$expand=client($select=segment),date&$filter=transaction_cle eq 42")
            let row = try #require(json["value"]?.array?.first)
            #expect(row["client"]?["segment"]?.string?.isEmpty == false && row["client"]?.members?.count == 1)
            #expect(row["date"]?["annee"]?.integer == 2018 && row["transaction_cle"] == nil)
            let (status, one, _) = try await get(bank, "/fact_transaction(42)")
            #expect(status == 200 && one["transaction_cle"]?.integer == 42)
            #expect(one["@odata.context"]?.string?.hasSuffix("#fact_transaction/$entity") == true)
            let (_, walked, _) = try await get(bank, "/fact_transaction(42)/client", "$select=segment")
            #expect(walked["segment"]?.string == row["client"]?["segment"]?.string)
            let composed = try await get(bank, "/fact_solde_jour(date_cle=20180402,compte_cle=1)")
            #expect([200, 404].contains(composed.status))
            let cases: [(String, Int)] = [
                ("/fact_transaction(0)", 404), ("/fact_transaction('x')", 400), ("/fact_transaction(1,2)", 400),
                ("/fact_transaction(1)/nothing", 404), ("/fact_transaction()", 400), ("/nothing", 404),
                ("/jetons", 404),
                ("/lien_client", 404), ("/fact_transaction/montant", 404), ("/fact_transaction(1)/client/segment", 501),
                ("/fact_solde_jour(1)", 400), ("/$all", 404), ("/fact_transaction(1", 400), ("/%ff", 400),
            ]
            for (path, wanted) in cases {
                let (status, json, _) = try await get(bank, path)
                #expect(status == wanted, "\(path): \(status)")
                #expect(json["error"]?["code"]?.string != nil && json["error"]?["message"]?.string != nil, "\(path)")
            }
        }
    }

    @Test("groupings give what SQL gives, nested as the standard says")
    func groupings() async throws {
        try await Star.with { bank in
            let (status, json, _) = try await get(
                bank, "/fact_transaction",
                "$apply=filter(montant gt 20)/groupby((client/segment,type_operation/type_operation),aggregate(montant with sum as total,montant with max as plus,$count as n,compte_cle with countdistinct as comptes,montant_moyen))&$orderby=total desc&$count=true"
            )
            try #require(status == 200, "\(json.text)")
            let wanted = try await bank.database.run(
                """
                select d.segment, t.type_operation, sum(f.montant)::text, max(f.montant)::text, count(*)::text,
                    count(distinct f.compte_cle)::text
                from bi.fact_transaction f join bi.dim_client d using (client_cle)
                join bi.dim_type_operation t using (type_operation_cle)
                where f.montant > 20 group by 1, 2 order by sum(f.montant) desc
                """)
            let rows = json["value"]?.array ?? []
            #expect(rows.count == wanted.count && json["@odata.count"]?.integer == Int64(wanted.count))
            for (row, line) in zip(rows, wanted) {
                let (segment, type) = (try line.decode(0, as: String.self), try line.decode(1, as: String.self))
                #expect(row["client"]?["segment"]?.string == segment)
                #expect(row["type_operation"]?["type_operation"]?.string == type)
                for (index, name) in ["total", "plus", "n", "comptes"].enumerated() {
                    let figure = try line.decode(index + 2, as: String.self)
                    #expect(row[name] == .number(figure))
                }
            }
            let having = try await get(
                bank, "/fact_transaction",
                "$apply=groupby((compte_cle),aggregate($count as n))/filter(n gt 10)&$filter=n lt 15&$orderby=n desc")
            #expect(having.json["value"]?.array?.allSatisfy { (11...14).contains($0["n"]?.integer ?? 0) } == true)
            var groups = 0
            var next: String? = "$apply=groupby((compte_cle))"
            while let query = next {
                let page = try await get(bank, "/fact_transaction", query, [.prefer: "maxpagesize=500"])
                groups += page.json["value"]?.array?.count ?? 0
                next = page.json["@odata.nextLink"]?.string.map { String($0.split(separator: "?", maxSplits: 1)[1]) }
            }
            #expect(
                try await Int64(groups) == bank.number("select count(distinct compte_cle) from bi.fact_transaction"))
        }
    }

    @Test("an answer has a tag, and what the client has already is not sent again")
    func tags() async throws {
        try await Star.with { bank in
            let (_, _, first) = try await get(bank, "/dim_heure")
            let tag = try #require(first.fields[.eTag])
            let (status, _, again) = try await get(bank, "/dim_heure", "", [.ifNoneMatch: tag])
            #expect(status == 304 && again.body.isEmpty && again.fields[.eTag] == tag)
            #expect(try await get(bank, "/dim_heure", "", [.ifNoneMatch: "W/\"other\""]).status == 200)
            #expect(try await get(bank, "/dim_heure", "$top=3", [.ifNoneMatch: tag]).status == 200)
        }
    }

    @Test("the form of the answer is what was asked for")
    func forms() async throws {
        try await Star.with { bank in
            // What Power Query sends.
            let accept =
                "application/json;odata.metadata=minimal;q=1.0,application/json;odata=minimalmetadata;q=0.9,"
                + "application/atomsvc+xml;q=0.8,application/atom+xml;q=0.8,application/xml;q=0.7,text/plain;q=0.7"
            let (status, json, response) = try await get(
                bank, "/fact_transaction", "$filter=date_cle%20ge%2020180401&$select=montant,date_cle&$top=1000",
                [.accept: accept, .odataMaxVersion: "4.0"])
            #expect(
                status == 200
                    && json["@odata.context"]?.string?.hasSuffix("#fact_transaction(montant,date_cle)") == true)
            #expect(response.fields[.contentType]?.contains("odata.metadata=minimal") == true)
            let bare = try await get(bank, "/dim_heure", "", [.accept: "application/json;odata.metadata=none"])
            #expect(bare.json["@odata.context"] == nil && bare.json["value"]?.array?.count == 25)
            let text = try await get(
                bank, "/fact_transaction", "$top=1&$count=true", [.accept: "application/json;IEEE754Compatible=true"])
            #expect(
                text.json["value"]?.array?.first?["montant"]?.string != nil && text.json["@odata.count"]?.string != nil)
            #expect(try await get(bank, "/dim_heure", "", [.odataMaxVersion: "3.0"]).status == 501)
            let service = ODataService(bank.analytics, clock: { 0 })
            for method in [HTTPRequest.Method.post, .put, .patch, .delete] {
                let answer = await service.handle(ApiRequest(method: method, path: "/dim_heure"), root: "")
                #expect(answer.status.code == 405)
            }
        }
    }

    @Test("what fails inside the database is a clear refusal, and a division by zero is the asker's")
    func failures() async throws {
        try await Star.with { bank in
            let zero = try await get(bank, "/fact_transaction", "$filter=montant div 0 gt 1")
            #expect(zero.status == 400)
            let huge = try await get(bank, "/fact_transaction", "$filter=transaction_cle mul 9223372036854775807 gt 1")
            #expect(huge.status == 400)
            let sleepy = try await get(bank, "/fact_transaction", "$filter=pg_sleep(1) eq 1")
            #expect(sleepy.status == 501)
            // The reader may change nothing, whatever gets through.
            let results = try await bank.database.run(
                "select has_schema_privilege('bi_reader', 'bi', 'create')::integer::bigint")
            #expect(try results[0].decode(0, as: Int64.self) == 0)
        }
    }

    @Test("a batch answers each of its requests, in both forms")
    func batch() async throws {
        try await Star.with { bank in
            let service = ODataService(bank.analytics, clock: { 0 })
            let json = """
                {"requests":[{"id":"1","method":"GET","url":"dim_heure?$top=2"},{"id":"2","method":"get","url":"/nothing"},
                {"id":"3","method":"POST","url":"dim_heure"},{"id":"4","method":"GET","url":"https://x/bi/odata/dim_date/$count"},
                {"id":"5","method":"GET","url":"$batch"}]}
                """
            let answer = await service.handle(
                ApiRequest(
                    method: .post, path: "/$batch", fields: [.contentType: "application/json"], body: Array(json.utf8)),
                root: "https://x/bi/odata")
            let responses = try #require(try JSONReader.read(answer.body)["responses"]?.array)
            #expect(responses.map { $0["status"]?.integer } == [200, 404, 405, 200, 501])
            #expect(responses[0]["body"]?["value"]?.array?.count == 2)
            let multipart =
                "--b1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                + "GET dim_heure?$top=1 HTTP/1.1\r\nAccept: application/json\r\n\r\n\r\n"
                + "--b1\r\nContent-Type: application/http\r\n\r\nGET /bi/odata/dim_date/$count HTTP/1.1\r\n\r\n\r\n--b1--\r\n"
            let parts = await service.handle(
                ApiRequest(
                    method: .post, path: "/$batch", fields: [.contentType: "multipart/mixed; boundary=b1"],
                    body: Array(multipart.utf8)), root: "https://x/bi/odata")
            let text = String(decoding: parts.body, as: UTF8.self)
            #expect(parts.status.code == 200 && text.components(separatedBy: "HTTP/1.1 200").count == 3, "\(text)")
            for body in ["", "{}", "{\"requests\":[{}]}", "[", "{\"requests\":\(Array(repeating: 1, count: 60))}"] {
                let refused = await service.handle(
                    ApiRequest(
                        method: .post, path: "/$batch", fields: [.contentType: "application/json"],
                        body: Array(body.utf8)),
                    root: "")
                #expect(refused.status.code == 400, "\(body)")
            }
        }
    }
}
