/// One line of a log, and when it was written.
struct LogLine: Sendable {
    let at: Int
    let text: String
}

/// Texts of instants in the forms that servers write.
enum LogTime {
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    private static func written(_ body: (inout TextLine) -> Void) -> String {
        var line = TextLine()
        body(&line)
        return String(decoding: line.bytes, as: UTF8.self)
    }

    /// `20/Oct/2026:13:55:36 +0200`
    static func nginx(_ second: Int) -> String {
        let parts = CivilDate.parts(second / 86_400)
        return written { line in
            line.padded(parts.day, 2)
            line.raw("/\(months[parts.month - 1])/")
            line.padded(parts.year, 4)
            line.byte(58)
            line.clock(second)
            line.raw(" +0\(CivilDate.parisOffset(second))00")
        }
    }

    /// `Oct  3 04:05:06`
    static func syslog(_ second: Int) -> String {
        let parts = CivilDate.parts(second / 86_400)
        return written { line in
            line.raw("\(months[parts.month - 1]) \(parts.day < 10 ? " " : "")\(parts.day) ")
            line.clock(second)
        }
    }

    /// `2026-10-20 11:55:36.123 UTC`
    static func postgres(_ second: Int) -> String {
        written { line in
            line.timestamp(second - CivilDate.parisOffset(second) * 3600)
            line.byte(46)
            line.padded(second * 7919 % 1000, 3)
            line.raw(" UTC")
        }
    }

    /// `2026-10-20T13:55:36+02:00`
    static func iso(_ second: Int) -> String {
        written { line in
            line.date(second / 86_400)
            line.byte(84)
            line.clock(second)
            line.raw("+0\(CivilDate.parisOffset(second)):00")
        }
    }

    /// Text inside a JSON string.
    static func json(_ text: String) -> String {
        var quoted = "\""
        for character in text.unicodeScalars {
            switch character {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            default: quoted.unicodeScalars.append(character)
            }
        }
        return quoted + "\""
    }
}
