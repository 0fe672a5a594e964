import Foundation
import PostgresServer
import TestSupport
import Testing

@testable import Privacy

/// Spreadsheets as others read them: Python's ZIP and XML readers, which share no code with the writer.
@Suite("open spreadsheets") struct SheetTests {
    private static let reader = """
        import sys, zipfile, xml.etree.ElementTree as E
        T = '{urn:oasis:names:tc:opendocument:xmlns:table:1.0}'; X = '{urn:oasis:names:tc:opendocument:xmlns:text:1.0}'
        O = '{urn:oasis:names:tc:opendocument:xmlns:office:1.0}'
        z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None
        first = z.infolist()[0]; assert (first.filename, first.compress_type, first.header_offset) == ('mimetype', 0, 0)
        assert z.read('mimetype').decode() == 'application/vnd.oasis.opendocument.spreadsheet'
        E.fromstring(z.read('META-INF/manifest.xml'))
        def words(p):
            out = p.text or ''
            for e in p:
                out += {X + 's': ' ', X + 'tab': '\\t'}[e.tag] + (e.tail or '')
            return out
        for t in E.fromstring(z.read('content.xml')).iter(T + 'table'):
            for r in t.iter(T + 'table-row'):
                cells = [c.get(O + 'value-type')[0] + ':' + '/'.join(words(p) for p in c.iter(X + 'p')) for c in r]
                print('|'.join([t.get(T + 'name')] + cells))
        """

    private static func read(_ bytes: [UInt8]) async throws -> [String] {
        let path = FileManager.default.temporaryDirectory.path + "/feuille-\(UInt32.random(in: .min ... .max)).ods"
        defer { try? FileManager.default.removeItem(atPath: path) }
        try Data(bytes).write(to: URL(filePath: path))
        let run = try await ToolRun.run("/usr/bin/python3", ["-c", reader, path])
        try run.checked("python3")
        return run.outputText.split(separator: "\n").map(String.init)
    }

    @Test("cells come back as they went in; nothing is a formula, and only whole numbers are numbers")
    func cells() async throws {
        let sheet = OpenSheet([
            .init(
                name: "a/b [c]", header: ["x", "y"],
                rows: [
                    ["=1+1", "12"], ["0612", "-3"], ["é <&> \"q\"", "a  b\tc"], ["un\ndeux", "\u{1}0"],
                    ["1234567890123456", ""],
                ]), .init(name: "A B  C ", header: [], rows: []),
        ])
        let lines = try await Self.read(sheet.bytes)
        #expect(
            lines == [
                "a b c|s:x|s:y", "a b c|s:=1+1|f:12", "a b c|s:0612|f:-3", "a b c|s:é <&> \"q\"|s:a  b\tc",
                "a b c|s:un/deux|s:0", "a b c|s:1234567890123456|s:", "A B C 2",
            ])
    }

    @Test("the register and a client's data are there in whole") func documents() async throws {
        try await PrivacyStage.run { stage in
            let register = try await stage.desk.register()
            let lines = try await Self.read(register.ods)
            for sheet in register.sheets { #expect(lines.count { $0.hasPrefix("\(sheet.name)|f:") } == 38) }
            #expect(lines.count { $0.hasPrefix("Colonnes|") } > 100)
            let dossier = try await stage.desk.dossier(of: clientID(1))
            let own = try await Self.read(dossier.ods)
            #expect(own.contains("Identité|s:nom|s:\(lastName(1))"))
            for section in dossier.sections where !section.rows.isEmpty {
                #expect(own.count { $0.hasPrefix("\(section.name)|") } == section.rows.count + 1, "\(section.name)")
            }
        }
    }
}
