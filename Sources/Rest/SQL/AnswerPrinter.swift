/// How rows become a body.
enum BodyShape: Hashable, Sendable {
    case array
    case strippedArray
    case object
    case strippedObject
    case csv
    case geoJSON
    /// One value of a function, or several.
    case scalar
    case scalars
    /// The bytes of a function's value as they are.
    case raw(isBinary: Bool)
    /// Nothing is shown.
    case none
}

extension SQLText {
    /// One row: the number of rows, the body, the total when it is asked for.
    ///
    /// `write` comes before the read, which then reads what was written; without a read the rows are counted only.
    mutating func answer(
        _ node: ReadNode?, after write: WritePlan?, as shape: BodyShape, countsAll: Bool = false,
        readsResponse: Bool = false, key: [String] = []
    ) {
        if write != nil || node != nil { add("with ") }
        if let write {
            add("pgrst_source as (")
            self.write(write)
            add(")")
            if node != nil { add(", ") }
        }
        if let node {
            if case .called(let call) = node.source {
                materialized(call, ofTable: node.relation != nil)
                add(", ")
            }
            add("pgrst_body as (")
            select(node)
            add(")")
        }
        add(" select count(*)::bigint, ")
        body(shape)
        add(", ")
        total(node, isWanted: countsAll)
        add(", ")
        location(key)
        if readsResponse {
            add(", nullif(current_setting('response.headers', true), '')")
            add(", nullif(current_setting('response.status', true), '')")
        }
        add(" from \(node == nil ? "pgrst_source" : "pgrst_body") as pgrst_t")
    }

    /// Each row as JSON, for reads that give one.
    mutating func rowWise(_ node: ReadNode) {
        add("select row_to_json(pgrst_t)::text from (")
        select(node)
        add(") as pgrst_t")
    }

    private mutating func total(_ node: ReadNode?, isWanted: Bool) {
        guard isWanted, let node else { return add("null::bigint") }
        if case .call = node.source, node.range.isWhole {
            add("count(*)::bigint")
        } else {
            add("(select count(*) from (")
            countSource(node)
            add(") as pgrst_count)")
        }
    }

    private mutating func location(_ key: [String]) {
        guard !key.isEmpty else { return add("null::text") }
        add("(select json_build_array(")
        list(key) { sql, column in
            sql.column(column, of: "pgrst_first")
            sql.add("::text")
        }
        add(")::text from pgrst_source as pgrst_first limit 1)")
    }

    private mutating func body(_ shape: BodyShape) {
        switch shape {
        case .none: add("null::text")
        case .array: add("coalesce(json_agg(pgrst_t), '[]')::text")
        case .strippedArray: add("json_strip_nulls(coalesce(json_agg(pgrst_t), '[]'))::text")
        case .object: add("(json_agg(pgrst_t)->0)::text")
        case .strippedObject: add("json_strip_nulls(json_agg(pgrst_t)->0)::text")
        case .scalars: add("coalesce(json_agg(pgrst_t.pgrst_scalar), '[]')::text")
        case .scalar: add("coalesce((json_agg(pgrst_t.pgrst_scalar)->0), 'null')::text")
        case .raw(let isBinary):
            add(isBinary ? "encode(min(pgrst_t.pgrst_scalar::text)::bytea, 'hex')" : "min(pgrst_t.pgrst_scalar::text)")
        case .geoJSON:
            add("json_build_object('type', 'FeatureCollection', 'features', ")
            add("coalesce(json_agg(st_asgeojson(pgrst_t)::json), '[]'))::text")
        case .csv:
            add("coalesce((select string_agg(pgrst_key, ',') from json_object_keys(")
            add("(select row_to_json(pgrst_first) from pgrst_body as pgrst_first limit 1)) as pgrst_key), '')")
            add(
                " || e'\\n' || coalesce(string_agg(substring(pgrst_t::text, 2, length(pgrst_t::text) - 2), e'\\n'), '')"
            )
        }
    }
}
