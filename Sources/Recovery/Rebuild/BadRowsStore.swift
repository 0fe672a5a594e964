internal import Postgres

/// The SQL that finds rows over which expressions fail, and keeps them beside the clean room's tables.
enum BadRowsStore {
    static let makeTable: Statement = """
        create table if not exists rapprochement.illisibles (
            cible text not null, relation text not null, raison text not null, image jsonb not null
        )
        """

    static let exists: Statement = "select to_regclass('rapprochement.illisibles') is not null"

    static func count(_ relation: String) -> Statement {
        "select count(*) from rapprochement.illisibles where relation = \(relation)"
    }

    static func reasons(_ table: String) -> Statement {
        "select distinct raison from rapprochement.illisibles where cible = \(table) order by 1"
    }

    static func rows(_ table: String, relation: String, reason: String) -> Statement {
        let raw = CleanRoomStore.relation(relation)
        return Statement(
            unchecked: """
                select (jsonb_populate_record(null::\(raw.sql), image)).* from rapprochement.illisibles
                where cible = \(Statement.literal(table)) and relation = \(Statement.literal(relation))
                    and raison = \(Statement.literal(reason))
                """)
    }

    /// Halves ranges of the table's blocks until one block fails, then asks row by row.
    ///
    /// - Parameter query: every column of the canonical table, and the row's place as `~ligne`.
    static func setAside(_ table: String, relation: String, alias: String, query: Statement) -> Statement {
        let raw = CleanRoomStore.relation(relation).sql
        return Statement(
            unchecked: """
                do $illisibles$
                declare
                    bas bigint[] := array[0];
                    haut bigint[] := array[pg_relation_size(\(Statement.literal(raw))::regclass)
                        / current_setting('block_size')::bigint + 1];
                    premier bigint; dernier bigint; numero int; place tid; etat text; mots text;
                begin
                    while cardinality(bas) > 0 loop
                        numero := cardinality(bas);
                        premier := bas[numero];
                        dernier := haut[numero];
                        bas := bas[:numero - 1];
                        haut := haut[:numero - 1];
                        begin
                            perform l.* from (\(query.sql)) l
                            where l."~ligne" >= format('(%s,0)', premier)::tid
                                and l."~ligne" < format('(%s,0)', dernier)::tid;
                        exception when others then
                            get stacked diagnostics etat = returned_sqlstate;
                            if etat !~ '^(22|23|54)' then raise; end if;
                            if dernier - premier > 1 then
                                bas := bas || array[premier, (premier + dernier) / 2];
                                haut := haut || array[(premier + dernier) / 2, dernier];
                                continue;
                            end if;
                            for place in select u.ctid from \(raw) u where u.ctid >= format('(%s,0)', premier)::tid
                                and u.ctid < format('(%s,0)', dernier)::tid
                            loop
                                begin
                                    perform l.* from (\(query.sql)) l where l."~ligne" = place;
                                exception when others then
                                    get stacked diagnostics etat = returned_sqlstate, mots = message_text;
                                    if etat !~ '^(22|23|54)' then raise; end if;
                                    with parti as (
                                        delete from \(raw) u where u.ctid = place returning to_jsonb(u) as image
                                    )
                                    insert into rapprochement.illisibles (cible, relation, raison, image)
                                    select \(Statement.literal(table)), \(Statement.literal(relation)), mots, image
                                    from parti;
                                end;
                            end loop;
                        end;
                    end loop;
                end $illisibles$
                """)
    }
}
