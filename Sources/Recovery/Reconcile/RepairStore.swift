internal import Postgres

/// The SQL that repairs rows of the clean room. Each statement keeps the row as it was before.
enum RepairStore {
    /// Where the rows of a role stand: key and place. A key that several rows bear comes several times.
    static func places(_ role: RoleTable, _ keys: [String]) -> Statement {
        """
        select \(identifier: role.key)::text, ligne::text from \(fragment: ReconcileStore.table(role))
        where \(identifier: role.key)::text = any(\(SQLArray(keys.map(Optional.some)))::text[])
        """
    }

    static func set(_ repair: Repair, _ source: RoleSource, place: String, columns: [String], json: String) -> Statement
    {
        let list = Statement(unchecked: columns.map(Statement.quoted).joined(separator: ", "))
        let values = Statement(unchecked: columns.map { "r.\(Statement.quoted($0))" }.joined(separator: ", "))
        let relation = CleanRoomStore.relation(source.relation)
        return """
            with avant as (select to_jsonb(t) as image from \(fragment: relation) t where t.ctid = \(place)::tid),
            fait as (
                update \(fragment: relation) u set (\(fragment: list)) =
                    (select \(fragment: values) from jsonb_populate_record(u, \(json)::jsonb) r)
                where u.ctid = \(place)::tid returning to_jsonb(u) as image
            )
            insert into rapprochement.reparations (reparation, relation, action, avant, apres)
            select \(repair.id), \(source.relation), 'set', a.image, f.image from avant a, fait f
            """
    }

    static func exclude(_ repair: Repair, _ source: RoleSource, place: String) -> Statement {
        """
        with parti as (
            delete from \(fragment: CleanRoomStore.relation(source.relation)) u where u.ctid = \(place)::tid
            returning to_jsonb(u) as image
        )
        insert into rapprochement.reparations (reparation, relation, action, avant, apres)
        select \(repair.id), \(source.relation), 'exclude', image, null from parti
        """
    }

    /// `place` is that of the row whose other columns are taken; none leaves them empty.
    static func insert(_ repair: Repair, _ source: RoleSource, place: String?, json: String) -> Statement {
        let relation = CleanRoomStore.relation(source.relation)
        let rows: Statement =
            if let place {
                """
                select r.* from \(fragment: relation) m, jsonb_populate_record(m, \(json)::jsonb) r
                where m.ctid = \(place)::tid
                """
            } else {
                "select r.* from jsonb_populate_record(null::\(fragment: relation), \(json)::jsonb) r"
            }
        return """
            with venu as (
                insert into \(fragment: relation) as u \(fragment: rows) returning to_jsonb(u) as image
            )
            insert into rapprochement.reparations (reparation, relation, action, avant, apres)
            select \(repair.id), \(source.relation), 'insert', null, image from venu
            """
    }

    /// Rows that repairs added to a relation, less those that they took away.
    static func balance(_ relation: String) -> Statement {
        """
        select count(*) filter (where action = 'insert') - count(*) filter (where action = 'exclude')
        from rapprochement.reparations where relation = \(relation)
        """
    }

    /// The excluded rows as COPY text, for the quarantine; `places` come from the server.
    static func rows(_ source: RoleSource, places: [String]) -> Statement {
        let list = places.map { "\(Statement.literal($0))::tid" }.joined(separator: ", ")
        return CleanRoomStore.copyOut(
            "select * from \(fragment: CleanRoomStore.relation(source.relation)) where ctid in (\(fragment: Statement(unchecked: list)))"
        )
    }
}
