/// Writes INSERT, UPDATE and DELETE whose values are one bound JSON text.
extension SQLText {
    mutating func write(_ plan: WritePlan) {
        switch plan.kind {
        case .insert(let conflict): insert(plan, conflict)
        case .update: update(plan)
        case .delete: delete(plan)
        }
        returning(plan)
    }

    private mutating func insert(_ plan: WritePlan, _ conflict: WritePlan.Conflict?) {
        add("insert into ")
        name(plan.relation.name)
        add(" as ")
        name(plan.relation.name.name)
        if plan.columns.isEmpty {
            if plan.isEmpty { add(" select from (select) pgrst_none where false") } else { add(" default values") }
        } else {
            add("(")
            list(plan.columns) { $0.name($1.name) }
            add(") ")
            rows(plan)
        }
        guard let conflict, !conflict.columns.isEmpty else { return }
        add(" on conflict (")
        list(conflict.columns) { $0.name($1) }
        let changed = plan.columns
        guard conflict.isMerging, !changed.isEmpty else { return add(") do nothing") }
        add(") do update set ")
        list(changed) { sql, column in
            sql.name(column.name)
            sql.add(" = excluded.")
            sql.name(column.name)
        }
    }

    /// `select … from` the body's objects, typed by the relation's columns.
    private mutating func rows(_ plan: WritePlan) {
        add("select ")
        list(plan.columns) { $0.column($1.name, of: "pgrst_rows") }
        add(" from ")
        if plan.fillsDefaults {
            add("(select json_agg(")
            defaults(plan)
            add(" || pgrst_row::jsonb) as filled from json_array_elements(")
            bind(plan.body)
            add("::json) as pgrst_row) pgrst_body, lateral json_to_recordset(coalesce(pgrst_body.filled, '[]'))")
        } else {
            add("json_to_recordset(")
            bind(plan.body)
            add("::json)")
        }
        add(" as pgrst_rows(")
        list(plan.columns) { $0.definition($1) }
        add(")")
    }

    private mutating func definition(_ column: Column) {
        name(column.name)
        add(" \(column.type)")
    }

    private mutating func defaults(_ plan: WritePlan) {
        add("jsonb_build_object(")
        let filled = plan.columns.filter { $0.defaultSQL != nil }
        list(filled) { sql, column in
            sql.literal(column.name)
            sql.add(", \(column.defaultSQL ?? "null")")
        }
        add(")")
    }

    private mutating func update(_ plan: WritePlan) {
        add("update ")
        name(plan.relation.name)
        add(" as ")
        name(plan.relation.name.name)
        add(" set ")
        list(plan.columns) { sql, column in
            sql.name(column.name)
            sql.add(" = ")
            sql.column(column.name, of: "pgrst_row")
        }
        add(" from json_to_record(")
        bind(plan.body)
        add("::json) as pgrst_row(")
        list(plan.columns) { $0.definition($1) }
        add(")")
        filtered(plan)
    }

    private mutating func delete(_ plan: WritePlan) {
        add("delete from ")
        name(plan.relation.name)
        add(" as ")
        name(plan.relation.name.name)
        filtered(plan)
    }

    private mutating func filtered(_ plan: WritePlan) {
        guard !plan.conditions.isEmpty else { return }
        add(" where ")
        conditions(plan.conditions, of: plan.node)
    }

    private mutating func returning(_ plan: WritePlan) {
        add(" returning ")
        guard !plan.returned.isEmpty else { return add("1") }
        list(plan.returned) { sql, column in
            sql.column(column, of: plan.relation.name.name)
            sql.add(" as ")
            sql.name(column)
        }
    }
}
