import Postgres
import TestSupport
import Testing
import Web

@testable import Realtime

@Suite struct SharedPolicyTests {
    @Test(arguments: [
        (
            "((owner = ( SELECT auth.uid() AS uid)))", ["auth.uid()"],
            #"((owner = "digitalbank readers"."digitalbank call 0"))"#
        ),
        (
            "((( SELECT auth.uid() AS uid) = owner) OR (( SELECT public.role_metier() AS role_metier) = 'admin'::text))",
            ["auth.uid()", "public.role_metier()"],
            #"(("digitalbank readers"."digitalbank call 0" = owner) OR ("digitalbank readers"."digitalbank call 1" = 'admin'::text))"#
        ),
        (
            "((auth.uid() = owner) AND ((auth.jwt() ->> 'aal'::text) = 'aal2'::text) AND (other = auth.uid()))",
            ["auth.uid()", "auth.jwt()"],
            #"(("digitalbank readers"."digitalbank call 0" = owner) AND (("digitalbank readers"."digitalbank call 1" ->> 'aal'::text) = 'aal2'::text) AND (other = "digitalbank readers"."digitalbank call 0"))"#
        ),
    ])
    func `a policy that reads claims by calls alone is shared`(policy: String, calls: [String], condition: String) {
        let shared = SharedPolicy(policy)
        #expect(shared?.calls == calls && shared?.condition == condition)
    }

    @Test(arguments: [
        // Nothing of the claims: no reader differs from another.
        "((id < 100))", "true",
        // What these read cannot be seen, or PostgreSQL evaluates it once for all readers.
        "((account IN ( SELECT a.id FROM public.accounts a WHERE (a.owner = ( SELECT auth.uid() AS uid)))))",
        "((owner = ( SELECT auth.uid() AS uid)) AND public.may_see(id))",
        "((owner = ( SELECT current_setting('request.jwt.claims'::text) AS current_setting)))",
        "((owner = ( SELECT auth.uid() AS uid\n   FROM public.accounts)))",
        "((EXISTS ( SELECT 1 WHERE (auth.uid() = owner))))",
        // A literal that looks like a call.
        "((word = '( SELECT auth.uid() AS uid)'::text) AND (owner = auth.uid()))",
    ])
    func `any other is not`(policy: String) { #expect(SharedPolicy(policy) == nil) }

    @Test func `many readers in one statement see their own rows, whatever columns are called`() async throws {
        try await Stage.run { stage in
            for statement: Statement in [
                """
                create function public.strict_name() returns text language plpgsql stable as $$
                begin
                    if auth.uid() = 'bad' then raise exception 'no such person'; end if;
                    return auth.uid();
                end $$
                """,
                "create table mixed (id int primary key, n int, reader text, claims text)",
                "alter table mixed enable row level security", "grant select on mixed to authenticated",
                """
                create policy own on mixed for select to authenticated
                    using (n % 7 <> 3 and (reader = (select auth.uid()) or claims = (select public.strict_name())))
                """, "alter publication supabase_realtime add table mixed",
            ] { try await stage.database.run(statement) }
            let mixed: JSON = ["event": "*", "schema": "public", "table": "mixed"]
            var clients: [Client] = []
            for index in 0..<40 { clients.append(try await stage.follower(Stage.actor("client\(index)"), [mixed])) }
            try await stage.database.run(
                "insert into mixed select i, i, 'client' || i % 40, 'client' || i % 10 from generate_series(1, 400) i")
            for client in clients { try await eventually { client.changedIDs.count > 6 } }
            // One whose claims make the statement fail: the others are then judged on their own.
            let bad = try await stage.follower(Stage.actor("bad"), [mixed])
            try await stage.database.run(
                "insert into mixed select 1000 + i, 1000 + i, 'client' || i from generate_series(0, 39) i")
            for (index, client) in clients.enumerated() where (1000 + index) % 7 != 3 {
                try await client.waitForChange(Int64(1000 + index))
            }
            for (index, client) in clients.enumerated() {
                let own = (Array(1...400) + [1000 + index]).filter {
                    $0 % 7 != 3 && ($0 == 1000 + index || $0 % 40 == index || $0 % 10 == index)
                }
                #expect(client.changedIDs == own.map(Int64.init))
            }
            try await eventually { bad.messages("system").contains { $0.payload["status"] == "error" } }
            #expect(bad.changes.isEmpty)
        }
    }
}
