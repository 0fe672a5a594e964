internal import Foundation

/// What people see: text on standard output, progress and errors on standard error.
enum Terminal {
    static func output(_ line: String) { FileHandle.standardOutput.write(Data((line + "\n").utf8)) }

    static func error(_ line: String) { FileHandle.standardError.write(Data((line + "\n").utf8)) }

    static func errorRaw(_ text: String) { FileHandle.standardError.write(Data(text.utf8)) }

    static var errorIsTerminal: Bool { isatty(STDERR_FILENO) == 1 }

    static var outputIsTerminal: Bool { isatty(STDOUT_FILENO) == 1 }

    static var columns: Int {
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 20 else { return 80 }
        return Int(size.ws_col)
    }

    /// Asks on the terminal; false without one.
    static func confirms(_ question: String) -> Bool {
        guard isatty(STDIN_FILENO) == 1 else { return false }
        errorRaw(question + " [oui/NON] ")
        let answer = readLine()?.lowercased() ?? ""
        return ["o", "oui", "y", "yes"].contains(answer)
    }
}
