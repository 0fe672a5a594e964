import Auth
import Bank
import Migrations
import Postgres
import Rest
import TestSupport
import Testing

@Suite struct LintTests {
    // group: lint
    private func findings(_ database: Database) async throws -> [LintFinding] {
        try await LintStore(database: database).findings(schemas: ["public"])
    }

    private func bank() -> TestTemplate { bankOfLint }

    static let faults: [(LintFinding.Rule, String, String)] = [
        (.functionPerRow, "bare", "create policy p on t for select to authenticated using (owner = auth.uid())"),
        (
            .functionPerRow, "bare check",
            "create policy p on t for insert to authenticated with check (owner = auth.uid())"
        ),
        (
            .functionPerRow, "volatile",
            "create policy p on t for select to authenticated using (looks(id))"
        ),
        (
            .functionPerRow, "in a subselect over rows",
            "create policy p on t for select to authenticated using (id in (select id from o where owner = auth.uid()))"
        ),
        (
            .functionPerRow, "setting",
            "create policy p on t for select to authenticated using (note = current_setting('a.b', true))"
        ),
        (
            .columnWithoutIndex, "compared",
            "create policy p on t for select to authenticated using (other = (select auth.uid()))"
        ),
        (
            .columnWithoutIndex, "in a list",
            "create policy p on t for select to authenticated using (other in (select owner from o))"
        ),
        (.policyWithoutRole, "no role", "create policy p on t for select using (owner = (select auth.uid()))"),
        (.openToAnyone, "anon", "create policy p on t for select to anon using (true)"),
        (.openToAnyone, "check", "create policy p on t for insert to anon with check (true)"),
        (.unguardedTable, "off", "alter table t disable row level security"),
        (.unguardedView, "view", "create view v as select * from t"),
        (.unguardedTable, "materialised", "create materialized view m as select * from t; grant select on m to anon"),
        (
            .definerWithoutPath, "definer",
            "create function d() returns int language sql security definer as 'select 1'"
        ),
        (
            .severalPolicies, "two",
            """
            create policy p on t for select to authenticated using (id = 1);
            create policy q on t for all to authenticated using (id = 2)
            """
        ),
    ]

    @Test(arguments: faults) func `each fault is found, and only it`(
        rule: LintFinding.Rule, what: String, sql: String
    ) async throws {
        try await withTestDatabase(guardedTables) { database in
            let before = try await findings(database)
            #expect(before.isEmpty, "\(before)")
            try await database.withConnection { try await $0.runScript(sql) }
            let found = try await findings(database)
            #expect(found.map(\.rule) == [rule], "\(what): \(found)")
            #expect(found.allSatisfy { !$0.object.isEmpty && !$0.reason.isEmpty && !$0.repair.isEmpty })
        }
    }

    @Test(arguments: [
        "create policy p on t for select to authenticated using (owner = auth.uid())",
        "create policy p on t for insert to authenticated with check (owner = public.me(1))",
        "create policy p on t for select to authenticated using (other = (select auth.uid()))",
        "create policy p on t for select using (owner = (select auth.uid()))",
        "create policy p on t for select to anon using (true)",
        "alter table t disable row level security", "create view v as select * from t",
        "create materialized view m as select * from t; grant select on m to anon",
        "create function d() returns int language sql security definer as 'select 1'",
        """
        create policy p on t for select to authenticated using (id = 1);
        create policy q on t for select to authenticated using (id = 2)
        """,
    ])
    func `the repair that is named mends it`(sql: String) async throws {
        try await withTestDatabase(guardedTables) { database in
            try await database.withConnection { try await $0.runScript(sql) }
            let found = try await findings(database)
            for finding in found { try await database.withConnection { try await $0.runScript(finding.repair) } }
            let left = try await findings(database)
            #expect(!found.isEmpty && left.isEmpty, "\(found) then \(left)")
        }
    }

    @Test func `policies that are written well are left alone`() async throws {
        try await withTestDatabase(guardedTables) { database in
            try await database.withConnection { connection in
                try await connection.runScript(
                    """
                    create policy a on t for select to authenticated
                        using (owner = (select auth.uid()) or (select public.me(1)) = other and note = 'x');
                    create policy b on o for select to authenticated
                        using (id in (select t.id from t where t.owner = (select auth.uid())));
                    create policy c on t as restrictive for select to authenticated using (id > 0);
                    create policy d on t for select to service_role using (true);
                    create view w with (security_invoker = true) as select * from t;
                    """)
            }
            let found = try await findings(database).filter { $0.rule != .columnWithoutIndex }
            #expect(found.isEmpty, "\(found)")
        }
    }

    @Test func `our own bank has none of it`() async throws {
        try await withTestDatabase(bank()) { database in
            let found = try await findings(database)
            #expect(found.isEmpty, "\(found.map { "\($0.rule): \($0.object): \($0.reason)" }.joined(separator: "\n"))")
        }
    }
}

private let bankOfLint = TestTemplate("bank_of_lint") { database in
    try await Migrator(database).apply([
        try BankMigrations.set(), try AuthMigrations.set(), try RestMigrations.set(),
    ])
}

/// Two tables without a fault.
private let guardedTables = TestTemplate("guarded_tables") { database in
    try await database.withConnection { connection in
        try await connection.runScript(
            """
            do $$ begin
                create role anon nologin; create role authenticated nologin; create role service_role nologin;
            exception when duplicate_object or unique_violation then null; end $$;
            create schema auth;
            grant usage on schema auth to anon, authenticated;
            create function auth.uid() returns uuid language sql stable set search_path = ''
                as 'select nullif(current_setting(''a.sub'', true), '''')::uuid';
            create function public.me(n int) returns uuid language sql stable set search_path = ''
                as 'select auth.uid()';
            create function public.looks(n int) returns boolean language plpgsql volatile set search_path = ''
                as 'begin return n > 0; end';
            create table t (id int primary key, owner uuid, other uuid, note text);
            create index on t (owner); create index on t (note);
            create table o (id int primary key, owner uuid);
            create index on o (owner);
            alter table t enable row level security; alter table o enable row level security;
            grant select, insert on t, o to anon, authenticated, service_role;
            """)
    }
}
