/// Writes columns, conditions and orders.
extension SQLText {
    /// A column of `alias`, or what its path leads to.
    mutating func field(_ field: FieldName, of alias: String, _ relation: Relation?) {
        guard !field.path.isEmpty else { return column(field.name, of: alias) }
        let isJSON = relation?.column(field.name)?.isJSON ?? (relation == nil)
        add(isJSON ? "(" : "(to_jsonb(")
        column(field.name, of: alias)
        if !isJSON { add(")") }
        for step in field.path {
            add(step.isText ? "->>" : "->")
            switch step.key {
            case .index(let index): add("\(index)")
            case .name(let name): literal(name)
            }
        }
        add(")")
    }

    mutating func cast(_ type: String?, _ write: (inout SQLText) -> Void) {
        guard let type else { return write(&self) }
        add("cast(")
        write(&self)
        add(" as \(type))")
    }

    mutating func conditions(_ conditions: [PlannedCondition], of node: ReadNode) {
        list(conditions, separator: " and ") { $0.condition($1, of: node) }
    }

    mutating func condition(_ condition: PlannedCondition, of node: ReadNode) {
        switch condition {
        case .filter(let filter): self.filter(filter, of: node.alias, node.relation)
        case .embedIsEmpty(let index, let isNegated):
            presence(of: node.embeds[index], isWanted: isNegated)
        case .group(let isOr, let isNegated, let conditions):
            if isNegated { add("not ") }
            add("(")
            list(conditions, separator: isOr ? " or " : " and ") { $0.condition($1, of: node) }
            add(")")
        }
    }

    /// Whether a joined relation has a row.
    mutating func presence(of embed: Embed, isWanted: Bool) {
        column("j", of: embed.rowsAlias)
        add(isWanted ? " is not null" : " is null")
    }

    mutating func filter(_ filter: Filter, of alias: String, _ relation: Relation?) {
        if filter.isNegated { add("not (") }
        switch filter.operation {
        case .compare(let op, let quantifier, let value):
            field(filter.field, of: alias, relation)
            add(" \(op.sql) ")
            if let quantifier { add("\(quantifier.rawValue) (") }
            bind(op == .like || op == .ilike ? value.replacing("*", with: "%") : value)
            if quantifier != nil { add(")") }
        case .search(let op, let configuration, let value):
            searched(filter.field, of: alias, relation, configuration)
            add(" @@ \(op.textSearchFunction ?? "to_tsquery")(")
            if let configuration {
                bind(configuration)
                add("::regconfig, ")
            }
            bind(value)
            add(")")
        case .within(let values):
            field(filter.field, of: alias, relation)
            add(" = any (")
            bind(Self.arrayLiteral(values))
            add(")")
        case .is(let word):
            field(filter.field, of: alias, relation)
            add(" is \(word.sql)")
        }
        if filter.isNegated { add(")") }
    }

    private mutating func searched(
        _ name: FieldName, of alias: String, _ relation: Relation?, _ configuration: String?
    ) {
        let isVector = name.path.isEmpty && relation?.column(name.name)?.isTextSearch ?? true
        guard !isVector else { return field(name, of: alias, relation) }
        add("to_tsvector(")
        if let configuration {
            bind(configuration)
            add("::regconfig, ")
        }
        field(name, of: alias, relation)
        add(")")
    }

    /// PostgreSQL's text of an array whose elements are these texts.
    static func arrayLiteral(_ values: [String]) -> String {
        var text = "{"
        for (index, value) in values.enumerated() {
            if index > 0 { text += "," }
            text += "\""
            for character in value.unicodeScalars {
                if character == "\"" || character == "\\" { text += "\\" }
                text.unicodeScalars.append(character)
            }
            text += "\""
        }
        return text + "}"
    }

    mutating func order(_ terms: [PlannedOrder], of node: ReadNode) {
        guard !terms.isEmpty else { return }
        add(" order by ")
        list(terms) { sql, term in
            switch term.key {
            case .field(let field): sql.field(field, of: node.alias, node.relation)
            case .embed(let index, let place): sql.column("o\(place)", of: node.embeds[index].rowsAlias)
            }
            if let isDescending = term.isDescending { sql.add(isDescending ? " desc" : " asc") }
            if let isFirst = term.isNullsFirst { sql.add(isFirst ? " nulls first" : " nulls last") }
        }
    }

    mutating func range(_ range: RowRange) {
        if let limit = range.limit {
            add(" limit ")
            bind(size: limit)
        }
        if range.offset > 0 {
            add(" offset ")
            bind(size: range.offset)
        }
    }
}
