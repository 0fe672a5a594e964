internal import Foundation

/// Tables as an OpenDocument spreadsheet (ISO/IEC 26300, `.ods`): what the CNIL's model of a register is, and what every
/// office suite opens. Cells are text, which no program computes, but for whole numbers.
public struct OpenSheet: Sendable {
    public struct Table: Sendable {
        public let name: String
        public let header: [String]
        public let rows: [[String]]

        public init(name: String, header: [String], rows: [[String]]) {
            self.name = name
            self.header = header
            self.rows = rows
        }
    }

    public static let mediaType = "application/vnd.oasis.opendocument.spreadsheet"

    private let tables: [Table]

    public init(_ tables: [Table]) { self.tables = tables }

    /// The file.
    public var bytes: [UInt8] {
        var archive = StoredArchive()
        // First and not compressed: programs know the file by it.
        archive.add("mimetype", Array(Self.mediaType.utf8))
        archive.add("META-INF/manifest.xml", Array(Self.manifest.utf8))
        archive.add("content.xml", Array(content.utf8))
        return archive.bytes
    }

    private static let manifest = """
        <?xml version="1.0" encoding="UTF-8"?>
        <manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.3">
        <manifest:file-entry manifest:full-path="/" manifest:version="1.3" manifest:media-type="\(mediaType)"/>
        <manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>
        </manifest:manifest>

        """

    private var content: String {
        var xml = """
            <?xml version="1.0" encoding="UTF-8"?>
            <office:document-content office:version="1.3"
            xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
            xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
            xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
            xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
            xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0">
            <office:automatic-styles><style:style style:name="tete" style:family="table-cell">
            <style:text-properties fo:font-weight="bold"/></style:style></office:automatic-styles>
            <office:body><office:spreadsheet>

            """
        var taken: Set<String> = []
        for table in tables {
            xml += "<table:table table:name=\"\(Self.escaped(Self.name(table.name, &taken)))\">"
            xml += "<table:table-column table:number-columns-repeated=\"\(max(1, table.header.count))\"/>"
            xml += "<table:table-header-rows>" + Self.row(table.header, style: " table:style-name=\"tete\"")
            xml += "</table:table-header-rows>\n"
            for row in table.rows { xml += Self.row(row) }
            xml += "</table:table>\n"
        }
        return xml + "</office:spreadsheet></office:body></office:document-content>\n"
    }

    /// Names of sheets are unique and without the signs that formulas give a meaning.
    private static func name(_ wanted: String, _ taken: inout Set<String>) -> String {
        let words = wanted.split { "[]*?:/\\' ".contains($0) || $0.isWhitespace }
        let plain = String(words.joined(separator: " ").prefix(60))
        var name = plain.isEmpty ? "feuille" : plain
        var number = 2
        while !taken.insert(name.lowercased()).inserted {
            name = "\(plain) \(number)"
            number += 1
        }
        return name
    }

    private static func row(_ cells: [String], style: String = "") -> String {
        var xml = "<table:table-row>"
        for cell in cells {
            if style.isEmpty, isNumber(cell) {
                xml += "<table:table-cell office:value-type=\"float\" office:value=\"\(cell)\">"
            } else {
                xml += "<table:table-cell\(style) office:value-type=\"string\">"
            }
            for line in cell.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
                xml += "<text:p>\(escaped(String(line)))</text:p>"
            }
            xml += "</table:table-cell>"
        }
        return xml + "</table:table-row>\n"
    }

    /// As it would be written again: no leading zero, no more digits than a spreadsheet keeps.
    private static func isNumber(_ text: String) -> Bool {
        let digits = text.utf8.first == 45 ? text.utf8.dropFirst() : text.utf8[...]
        guard (1...15).contains(digits.count), digits.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return false }
        return digits.first != 48 || text == "0"
    }

    /// Runs of spaces need an element of their own; characters that XML has no place for are left out.
    private static func escaped(_ text: String) -> String {
        var out = ""
        var spaces = 0
        for scalar in text.unicodeScalars {
            if scalar == " " {
                spaces += 1
                out += spaces == 1 ? " " : "<text:s/>"
                continue
            }
            spaces = 0
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "\t": out += "<text:tab/>"
            case "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                out.unicodeScalars.append(scalar)
            default: break
            }
        }
        return out
    }
}

/// A ZIP archive whose entries are stored as they are (APPNOTE 4.4.5, method 0).
struct StoredArchive {
    private var body: [UInt8] = []
    private var directory: [UInt8] = []
    private var count: UInt16 = 0

    mutating func add(_ name: String, _ bytes: [UInt8]) {
        let place = UInt32(clamping: body.count)
        // Version 2.0, names in UTF-8, no compression, 1 January 1980: the same tables give the same file.
        var header: [UInt8] = Self.little(UInt16(20)) + Self.little(UInt16(0x0800)) + Self.little(UInt16(0))
        header += Self.little(UInt16(0)) + Self.little(UInt16(0x21)) + Self.little(Self.crc(bytes))
        header += Self.little(UInt32(clamping: bytes.count)) + Self.little(UInt32(clamping: bytes.count))
        header += Self.little(UInt16(clamping: name.utf8.count)) + Self.little(UInt16(0))
        body += Self.little(UInt32(0x0403_4B50)) + header + Array(name.utf8) + bytes
        directory += Self.little(UInt32(0x0201_4B50)) + Self.little(UInt16(20)) + header
        directory += [UInt8](repeating: 0, count: 10) + Self.little(place) + Array(name.utf8)
        count += 1
    }

    var bytes: [UInt8] {
        var end = Self.little(UInt32(0x0605_4B50)) + Self.little(UInt32(0)) + Self.little(count) + Self.little(count)
        end += Self.little(UInt32(clamping: directory.count)) + Self.little(UInt32(clamping: body.count))
        return body + directory + end + Self.little(UInt16(0))
    }

    private static func little<Number: FixedWidthInteger>(_ value: Number) -> [UInt8] {
        withUnsafeBytes(of: value.littleEndian) { Array($0) }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? (value >> 1) ^ 0xEDB8_8320 : value >> 1 }
    }

    static func crc(_ bytes: [UInt8]) -> UInt32 {
        ~bytes.reduce(~UInt32(0)) { table[Int(($0 ^ UInt32($1)) & 255)] ^ ($0 >> 8) }
    }
}

extension ProcessingRegister {
    /// One sheet an activity, in the order of the CNIL's model, and one of all columns.
    public var ods: [UInt8] {
        var tables = sheets.map { sheet in
            OpenSheet.Table(
                name: sheet.name, header: ["N°", "Rubrique", "Question", "Réponse", "Origine"],
                rows: sheet.answers.map {
                    ["\($0.question.number)", $0.question.section, $0.question.french, $0.text, $0.source.rawValue]
                })
        }
        tables.append(
            .init(
                name: "Colonnes", header: ["Traitement", "Colonne", "Catégorie", "Scellée"],
                rows: sheets.flatMap { sheet in
                    sheet.columns.filter { $0.kind != "v" && $0.category != "none" }.map {
                        [
                            sheet.name, "\($0.schema).\($0.table).\($0.name)", $0.category ?? "",
                            $0.isSealed ? "oui" : "non",
                        ]
                    }
                }))
        return OpenSheet(tables).bytes
    }
}

extension AccessDossier {
    /// The identity and one sheet for each section that has rows.
    public var ods: [UInt8] {
        let who = OpenSheet.Table(
            name: "Identité", header: ["Donnée", "Valeur"],
            rows: identity.sorted { $0.key < $1.key }.map { [$0.key, $0.value] })
        return OpenSheet(
            [who]
                + sections.filter { !$0.rows.isEmpty }.map { section in
                    .init(
                        name: section.name, header: section.columns,
                        rows: section.rows.map { row in row.map { $0 ?? "" } })
                }
        ).bytes
    }
}
