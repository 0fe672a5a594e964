/// Writes the call of a function as a source of rows.
extension SQLText {
    mutating func call(_ call: Call) {
        let needsBody = call.arguments.contains { if case .member = $0.value { true } else { false } }
        if needsBody {
            // The body's members become arguments by name and type.
            add("json_to_record(")
            bind(String(decoding: call.body, as: UTF8.self))
            add("::json) as pgrst_args(")
            list(call.arguments) { sql, argument in
                sql.name(argument.parameter.name)
                sql.add(" \(argument.parameter.type)")
            }
            add("), lateral ")
        }
        name(call.function.name)
        add("(")
        list(call.arguments) { $0.argument($1.parameter, $1.value, call) }
        add(")")
    }

    /// The call alone, for a read behind it: its rows, or those of a table as one array.
    mutating func materialized(_ call: Call, ofTable: Bool) {
        add("pgrst_call as materialized (select ")
        add(ofTable ? "array_agg(pgrst_c.*) as pgrst_rows" : "pgrst_c.*")
        add(" from ")
        self.call(call)
        add(" as pgrst_c")
        if call.function.isScalar { add("(pgrst_scalar)") }
        add(")")
    }

    private mutating func argument(_ parameter: Function.Parameter, _ value: Call.Argument, _ call: Call) {
        if parameter.isVariadic { add("variadic ") }
        if !parameter.name.isEmpty {
            name(parameter.name)
            add(" := ")
        }
        switch value {
        case .value(let text):
            bind(text)
            add("::\(parameter.type)")
        case .values(let texts):
            bind(Self.arrayLiteral(texts))
            add("::\(parameter.type)")
        case .member: column(parameter.name, of: "pgrst_args")
        case .body:
            bind(parameter.type == "bytea" ? Self.hex(call.body) : String(decoding: call.body, as: UTF8.self))
            add("::\(parameter.type)")
        }
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef")
        var text = "\\x"
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }
}
