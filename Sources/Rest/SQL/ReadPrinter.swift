/// Writes a plan of reading. Embedded relations are lateral joins, each of which gives one JSON value `j`.
extension SQLText {
    /// `select … from … where … order by … limit …`.
    mutating func select(_ node: ReadNode) {
        add("select ")
        items(of: node)
        from(node)
        filters(of: node, join: nil)
        group(node)
        order(node.order, of: node)
        range(node.range)
    }

    /// The rows of a node alone, for counting: its filters and inner joins, not its order and limit.
    mutating func countSource(_ node: ReadNode) {
        add("select 1")
        from(node, onlyInner: !node.conditions.contains { $0.looksAtEmbeds })
        filters(of: node, join: nil)
    }

    // MARK: Items

    private mutating func items(of node: ReadNode) {
        var isFirst = true
        for item in node.items { self.item(item, of: node, &isFirst) }
        if isFirst { add("null") }
    }

    private mutating func separate(_ isFirst: inout Bool) {
        if !isFirst { add(", ") }
        isFirst = false
    }

    private mutating func item(_ item: ReadNode.Item, of node: ReadNode, _ isFirst: inout Bool) {
        switch item {
        case .all:
            separate(&isFirst)
            name(node.alias)
            add(".*")
        case .field(let field, let shown, let type):
            separate(&isFirst)
            cast(type) { $0.field(field, of: node.alias, node.relation) }
            add(" as ")
            name(shown)
        case .aggregate(let function, let field, let shown, let fieldType, let type):
            separate(&isFirst)
            cast(type) { sql in
                sql.add("\(function.rawValue)(")
                if let field {
                    sql.cast(fieldType) { $0.field(field, of: node.alias, node.relation) }
                } else {
                    sql.add("*")
                }
                sql.add(")")
            }
            add(" as ")
            name(shown)
        case .embed(let index):
            let embed = node.embeds[index]
            guard embed.isShown else { return }
            if embed.isSpread {
                spread(embed, &isFirst)
            } else {
                separate(&isFirst)
                value(of: embed, isGrouped: node.hasAggregates)
                add(" as ")
                name(embed.key)
            }
        }
    }

    private mutating func value(of embed: Embed, isGrouped: Bool) {
        if !embed.relationship.isToOne { add("coalesce(") }
        column("j", of: embed.rowsAlias)
        if isGrouped { add("::jsonb") }
        if !embed.relationship.isToOne { add(", '[]')") }
    }

    /// The names under which a spread relation's items stand in its join, with what the parent shows.
    private mutating func spread(_ embed: Embed, _ isFirst: inout Bool) {
        for (place, item) in embed.spreadItems.enumerated() {
            separate(&isFirst)
            if case .aggregate(let function, _, let shown, _, let type) = item, embed.relationship.isToOne {
                cast(type) { sql in
                    sql.add("\(function.rawValue)(")
                    sql.column("s\(place)", of: embed.rowsAlias)
                    sql.add(")")
                }
                add(" as ")
                name(shown)
                continue
            }
            if embed.relationship.isToOne {
                column("s\(place)", of: embed.rowsAlias)
            } else {
                add("coalesce(")
                column("s\(place)", of: embed.rowsAlias)
                add(", '[]')")
            }
            add(" as ")
            name(embed.shownName(of: item))
        }
    }

    private mutating func group(_ node: ReadNode) {
        guard node.hasAggregates else { return }
        var keys: [(inout SQLText) -> Void] = []
        for item in node.items {
            switch item {
            case .field(let field, _, let type):
                keys.append { sql in sql.cast(type) { $0.field(field, of: node.alias, node.relation) } }
            case .all:
                for column in node.relation?.columns ?? [] { keys.append { $0.column(column.name, of: node.alias) } }
            case .embed(let index):
                let embed = node.embeds[index]
                guard embed.isShown else { continue }
                if !embed.isSpread { keys.append { $0.value(of: embed, isGrouped: true) } }
                for (place, item) in embed.isSpread ? Array(embed.spreadItems.enumerated()) : [] {
                    if case .aggregate = item { continue }
                    keys.append { $0.column("s\(place)", of: embed.rowsAlias) }
                }
            case .aggregate: break
            }
        }
        guard !keys.isEmpty else { return }
        add(" group by ")
        list(keys) { $1(&$0) }
    }

    // MARK: From and where

    private mutating func from(_ node: ReadNode, onlyInner: Bool = false) {
        add(" from ")
        source(node)
        for embed in node.embeds where embed.isInner || !onlyInner { join(embed, to: node) }
    }

    private mutating func source(_ node: ReadNode) {
        switch node.source {
        case .relation(let name): self.name(name)
        case .written: add("pgrst_source")
        case .call(let call): self.call(call)
        // Rows of a table keep its type, which functions of a row ask for.
        case .called where node.relation != nil: add("unnest((select pgrst_rows from pgrst_call))")
        case .called: add("pgrst_call")
        }
        add(" as ")
        name(node.alias)
        if case .call(let call) = node.source, call.function.isScalar { add("(pgrst_scalar)") }
    }

    private mutating func filters(of node: ReadNode, join: (Embed, String)?) {
        guard !node.conditions.isEmpty || join != nil else { return }
        add(" where ")
        if let (embed, parent) = join {
            keys(of: embed, parent: parent)
            if !node.conditions.isEmpty { add(" and ") }
        }
        conditions(node.conditions, of: node)
    }

    private mutating func keys(of embed: Embed, parent: String) {
        func pair(_ sql: inout SQLText, _ left: (String, String), _ right: (String, String)) {
            sql.column(left.1, of: left.0)
            sql.add(" = ")
            sql.column(right.1, of: right.0)
        }
        switch embed.relationship.cardinality {
        case .computed: add("true")
        case .manyToMany(let junction):
            list(junction.ours, separator: " and ") {
                pair(&$0, (embed.junctionAlias, $1.theirs), (parent, $1.ours))
            }
            add(" and ")
            list(junction.theirs, separator: " and ") {
                pair(&$0, (embed.node.alias, $1.theirs), (embed.junctionAlias, $1.ours))
            }
        default:
            list(embed.relationship.pairs, separator: " and ") {
                pair(&$0, (embed.node.alias, $1.theirs), (parent, $1.ours))
            }
        }
    }

    // MARK: Joins

    private mutating func join(_ embed: Embed, to parent: ReadNode) {
        add(embed.isInner ? " join lateral (" : " left join lateral (")
        switch (embed.isShown, embed.isSpread, embed.relationship.isToOne) {
        case (false, _, _): presenceOnly(embed, parent)
        case (true, true, true): spreadOne(embed, parent)
        case (true, true, false): spreadMany(embed, parent)
        case (true, false, true) where !embed.orderFields.isEmpty: oneWithOrder(embed, parent)
        case (true, false, let isToOne):
            add(isToOne ? "select row_to_json(pgrst_x) as j from (" : "select json_agg(pgrst_x) as j from (")
            inner(embed, parent) { $0.items(of: embed.node) }
            add(") as pgrst_x")
        }
        add(") as ")
        name(embed.rowsAlias)
        add(" on ")
        if embed.isInner { presence(of: embed, isWanted: true) } else { add("true") }
    }

    /// A node's select with the join's keys in its filter.
    private mutating func inner(_ embed: Embed, _ parent: ReadNode, _ items: (inout SQLText) -> Void) {
        let node = embed.node
        add("select ")
        items(&self)
        add(" from ")
        switch embed.relationship.cardinality {
        case .computed(let function, _):
            name(function)
            add("(")
            name(parent.alias)
            add(") as ")
            name(node.alias)
        case .manyToMany(let junction):
            name(junction.table)
            add(" as ")
            name(embed.junctionAlias)
            add(", ")
            source(node)
        default: source(node)
        }
        for child in node.embeds { join(child, to: node) }
        filters(of: node, join: (embed, parent.alias))
        group(node)
        order(node.order, of: node)
        range(embed.relationship.isComputed && embed.relationship.isToOne ? RowRange(limit: 1) : node.range)
    }

    private mutating func orderColumns(_ embed: Embed) {
        for (place, field) in embed.orderFields.enumerated() {
            add(", ")
            self.field(field, of: embed.node.alias, embed.node.relation)
            add(" as o\(place)")
        }
    }

    private mutating func presenceOnly(_ embed: Embed, _ parent: ReadNode) {
        inner(embed, parent) { sql in
            sql.add("1 as j")
            sql.orderColumns(embed)
        }
        if embed.orderFields.isEmpty, embed.node.range.limit == nil, !embed.relationship.isComputed { add(" limit 1") }
    }

    private mutating func oneWithOrder(_ embed: Embed, _ parent: ReadNode) {
        inner(embed, parent) { sql in
            sql.add("(select row_to_json(pgrst_x) from (select ")
            sql.items(of: embed.node)
            sql.add(") as pgrst_x) as j")
            sql.orderColumns(embed)
        }
    }

    private mutating func spreadColumns(_ embed: Embed) {
        for (place, item) in embed.spreadItems.enumerated() {
            add(", ")
            switch item {
            case .field(let field, _, let type):
                cast(type) { $0.field(field, of: embed.node.alias, embed.node.relation) }
            case .aggregate(let function, let field, _, let fieldType, let type):
                // In a to-one relation the parent aggregates.
                let isHoisted = embed.relationship.isToOne
                cast(isHoisted ? nil : type) { sql in
                    if !isHoisted { sql.add("\(function.rawValue)(") }
                    if let field {
                        sql.cast(fieldType) { $0.field(field, of: embed.node.alias, embed.node.relation) }
                    } else {
                        sql.add(isHoisted ? "1" : "*")
                    }
                    if !isHoisted { sql.add(")") }
                }
            case .embed(let index): value(of: embed.node.embeds[index], isGrouped: false)
            case .all: add("null")
            }
            add(" as s\(place)")
        }
    }

    private mutating func spreadOne(_ embed: Embed, _ parent: ReadNode) {
        var plain = embed
        plain.node.items.removeAll { if case .aggregate = $0 { true } else { false } }
        inner(plain, parent) { sql in
            sql.add("true as j")
            sql.spreadColumns(embed)
            sql.orderColumns(embed)
        }
    }

    private mutating func spreadMany(_ embed: Embed, _ parent: ReadNode) {
        add("select nullif(count(*), 0) as j")
        for place in embed.spreadItems.indices { add(", json_agg(pgrst_x.s\(place)) as s\(place)") }
        add(" from (")
        inner(embed, parent) { sql in
            sql.add("true as present")
            sql.spreadColumns(embed)
        }
        add(") as pgrst_x")
    }
}

extension Embed {
    /// A spread relation's items one by one, `*` as its columns, an embed inside as one value.
    var spreadItems: [ReadNode.Item] {
        node.items.flatMap { item -> [ReadNode.Item] in
            guard case .all = item else { return [item] }
            return (node.relation?.columns ?? []).map { .field(FieldName(name: $0.name), name: $0.name, cast: nil) }
        }
    }

    func shownName(of item: ReadNode.Item) -> String {
        switch item {
        case .field(_, let name, _), .aggregate(_, _, let name, _, _): name
        case .embed(let index): node.embeds[index].key
        case .all: key
        }
    }
}

extension PlannedCondition {
    var looksAtEmbeds: Bool {
        switch self {
        case .filter: false
        case .embedIsEmpty: true
        case .group(_, _, let inner): inner.contains { $0.looksAtEmbeds }
        }
    }
}
