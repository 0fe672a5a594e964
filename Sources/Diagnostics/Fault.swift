/// An error that says what went wrong, with which value, and what to do next.
///
/// Every error that reaches a person or a program conforms: commands print `message` and `hint`,
/// the API sends `code`, and `docs/reference/errors.md` lists each code.
public protocol Fault: Error, Sendable, CustomStringConvertible {
    /// Stable, documented, lower case with underscores: `dump_not_found`.
    var code: String { get }
    /// Lower case, with the offending value in it.
    var message: String { get }
    /// A full sentence or a command.
    var hint: String { get }
}

extension Fault {
    public var description: String { "\(message)\nhint: \(hint)" }
}
