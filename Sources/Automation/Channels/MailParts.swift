internal import Foundation
internal import Web

/// A file that goes with a message.
struct MailAttachment: Sendable, Hashable {
    let name: String
    let bytes: [UInt8]

    static let totalBytesMax = 10 << 20
    static let countMax = 5

    /// Reads the files that a payload names in `attach`. A file that is not there yet is asked for again later: another
    /// step may be making it. Of a list of names the first that is there goes; `notes` says when it is not the first.
    static func read(_ payload: JSON, from folder: String?) throws -> (files: [MailAttachment], notes: [String]) {
        let wanted = payload["attach"]?.array ?? payload["attach"].map { [$0] } ?? []
        guard !wanted.isEmpty else { return ([], []) }
        guard let folder else { throw SendProblem(words: "this server keeps no reports to attach", isFinal: true) }
        guard wanted.count <= countMax else { throw SendProblem(words: "over \(countMax) attachments", isFinal: true) }
        var total = 0
        var notes: [String] = []
        let files = try wanted.map { entry in
            let names = entry.array?.map(\.plain) ?? [entry.plain]
            guard !names.isEmpty, names.count <= countMax, names.allSatisfy(isName) else {
                throw SendProblem(words: "an attachment is named by a plain name", isFinal: true)
            }
            guard
                let (name, size) = names.lazy.compactMap({ name in size(of: name, in: folder).map { (name, $0) } })
                    .first
            else { throw SendProblem(words: "\(names.joined(separator: " or ")) is not there") }
            total += size
            guard total <= totalBytesMax else {
                throw SendProblem(words: "the attachments are over \(totalBytesMax >> 20) MB", isFinal: true)
            }
            guard let data = FileManager.default.contents(atPath: folder + "/" + name) else {
                throw SendProblem(words: "\(name) can not be read")
            }
            if name != names[0] { notes.append("\(names[0]) n'a pas pu être fait : \(name) est joint à sa place.") }
            return MailAttachment(name: name, bytes: Array(data))
        }
        return (files, notes)
    }

    private static func size(of name: String, in folder: String) -> Int? {
        var state = stat()
        guard lstat(folder + "/" + name, &state) == 0, state.st_mode & S_IFMT == S_IFREG else { return nil }
        return Int(state.st_size)
    }

    /// No way out of the folder, nothing that a header would have to quote.
    static func isName(_ text: String) -> Bool {
        !text.hasPrefix(".") && text.utf8.count <= 100
            && text.utf8.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte) || (97...122).contains(byte)
                    || "-_.".utf8.contains(byte)
            }
    }

    private static func type(of name: String) -> String? {
        let types = [
            "pdf": "application/pdf", "csv": "text/csv", "json": "application/json", "html": "text/html",
            "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "txt": "text/plain",
        ]
        return name.split(separator: ".").last.flatMap { types[$0.lowercased()] }
    }

    var part: [String] {
        [
            "Content-Type: \(Self.type(of: name) ?? "application/octet-stream")",
            "Content-Disposition: attachment; filename=\"\(name)\"", "Content-Transfer-Encoding: base64", "",
            MailText.base64(bytes),
        ]
    }
}

/// The bodies of a message.
enum MailText {
    static func base64(_ bytes: [UInt8]) -> String {
        Data(bytes).base64EncodedString(
            options: [.lineLength76Characters, .endLineWithCarriageReturn, .endLineWithLineFeed])
    }

    static func part(_ type: String, _ text: String) -> [String] {
        [
            "Content-Type: text/\(type); charset=utf-8", "Content-Transfer-Encoding: base64", "",
            base64(Array(text.replacing("\r\n", with: "\n").replacing("\n", with: "\r\n").utf8)),
        ]
    }

    /// Parts one after the other; the boundary is of the message's key, which no base64 line can hold.
    static func multipart(_ kind: String, _ parts: [[String]], boundary: String) -> [String] {
        ["Content-Type: multipart/\(kind); boundary=\"\(boundary)\"", ""]
            + parts.flatMap { ["--" + boundary] + $0 } + ["--\(boundary)--"]
    }

    /// The text as a page: paragraphs, links, facts as a table. Everything that came from an event is escaped; there is
    /// no script, no picture, nothing from elsewhere.
    static func html(subject: String, text: String, facts: [JSON.Member]) -> String {
        var out = """
            <!doctype html><html lang="fr"><head><meta charset="utf-8"><title>\(escaped(subject))</title></head>
            <body style="margin:0;background:#f4f5f7;font:15px/1.5 system-ui,sans-serif;color:#1b2430">
            <div style="max-width:40em;margin:0 auto;padding:24px;background:#fff">
            <h1 style="font-size:18px;margin:0 0 16px">\(escaped(subject))</h1>

            """
        for paragraph in text.replacing("\r\n", with: "\n").split(separator: "\n\n") {
            let lines = paragraph.split(separator: "\n").map { line(String($0)) }
            out += "<p>\(lines.joined(separator: "<br>"))</p>\n"
        }
        if !facts.isEmpty {
            out += "<table style=\"border-collapse:collapse\">"
            for fact in facts {
                out += "<tr><th style=\"text-align:left;padding:4px 16px 4px 0\">\(escaped(fact.name))</th>"
                out += "<td>\(escaped(fact.value.plain))</td></tr>"
            }
            out += "</table>\n"
        }
        return out + "<p style=\"color:#667085;font-size:12px\">DigitalBank</p></div></body></html>\n"
    }

    private static func line(_ text: String) -> String {
        guard text.hasPrefix("http://") || text.hasPrefix("https://"), !text.contains(" ") else { return escaped(text) }
        return "<a href=\"\(escaped(text))\">\(escaped(text))</a>"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;").replacing("'", with: "&#39;")
    }
}
