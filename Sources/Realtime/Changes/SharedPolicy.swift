/// A policy that one statement can put to many readers, each with claims of their own.
///
/// PostgreSQL evaluates a policy's `(select auth.uid())` once for a whole statement. Where the claims are read by such
/// calls alone, they can be evaluated for each reader first, and the policy be asked about their results. A policy with
/// any other subquery or call is not of this kind: what it reads of the claims cannot be seen.
struct SharedPolicy: Sendable, Hashable {
    /// What is evaluated for each reader: `auth.uid()`.
    let calls: [String]
    /// The policy, with the results of the calls in their places.
    let condition: String

    static let readers = "\"digitalbank readers\""

    /// The column that bears the result of a call.
    static func column(_ index: Int) -> String { "\"digitalbank call \(index)\"" }

    /// Calls that Supabase's policies make as they stand, without a `select` around them.
    private static let bare = ["auth.uid()", "auth.jwt()", "auth.role()", "auth.email()"]

    /// `policy` as `pg_get_expr` writes it with an empty search path; nil when it is of another kind.
    init?(_ policy: String) {
        // A literal that looks like a call would be changed.
        let literals = policy.split(separator: "'", omittingEmptySubsequences: false).enumerated()
        guard !literals.contains(where: { $0.offset % 2 == 1 && $0.element.contains("(") }) else { return nil }
        var calls: [String] = []
        var condition = ""
        var plain = ""
        var rest = Substring(policy)
        while !rest.isEmpty {
            if let (call, length) = Self.call(rest) {
                let index = calls.firstIndex(of: call) ?? calls.count
                if index == calls.count { calls.append(call) }
                condition += Self.readers + "." + Self.column(index)
                plain += " result "
                rest = rest.dropFirst(length)
            } else {
                let next = rest.removeFirst()
                condition.append(next)
                plain.append(next)
            }
        }
        guard !calls.isEmpty, TableAccess.isPlain(plain) else { return nil }
        self.calls = calls
        self.condition = condition
    }

    /// A call at the beginning of `text`, and how many characters it takes with the `select` around it.
    private static func call(_ text: Substring) -> (call: String, length: Int)? {
        let head = "( SELECT "
        guard text.hasPrefix(head) else {
            return bare.first { text.hasPrefix($0) }.map { ($0, $0.count) }
        }
        var rest = text.dropFirst(head.count)
        let schema = rest.prefix(while: Self.isName)
        rest = rest.dropFirst(schema.count)
        guard !schema.isEmpty, rest.first == "." else { return nil }
        rest = rest.dropFirst()
        let name = rest.prefix(while: Self.isName)
        let tail = "() AS \(name))"
        guard !name.isEmpty, rest.dropFirst(name.count).hasPrefix(tail) else { return nil }
        return ("\(schema).\(name)()", head.count + schema.count + 1 + name.count + tail.count)
    }

    /// What PostgreSQL writes without quotation marks.
    private static func isName(_ character: Character) -> Bool {
        character.isASCII && (character.isLowercase || character.isNumber || character == "_")
    }
}
