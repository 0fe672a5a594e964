import HTTPTypes
import Rest
import Testing
import Web

@Suite struct ReadTests {
    static let reads: [(String, String)] = [
        // group: comparison
        ("/films?select=id&order=id", #"[{"id":1},{"id":2},{"id":3},{"id":4},{"id":5},{"id":6}]"#),
        ("/films?select=title&id=eq.1", #"[{"title":"Le Samouraï"}]"#),
        ("/films?select=id&year=gt.1985&order=id", #"[{"id":3},{"id":5}]"#),
        ("/films?select=id&year=gte.1985&order=id.desc", #"[{"id":5},{"id":4},{"id":3}]"#),
        ("/films?select=id&year=lt.1963", #"[{"id":2}]"#),
        ("/films?select=id&year=lte.1962", #"[{"id":2}]"#),
        ("/films?select=id&id=neq.1&order=id&limit=2", #"[{"id":2},{"id":3}]"#),
        ("/films?select=id&title=like.Le*&order=id", #"[{"id":1},{"id":3}]"#),
        ("/films?select=id&title=ilike.*RAN*", #"[{"id":4}]"#),
        ("/films?select=id&title=match.^R", #"[{"id":4}]"#),
        ("/films?select=id&title=imatch.^r", #"[{"id":4}]"#),
        ("/films?select=id&id=in.(1,3)&order=id", #"[{"id":1},{"id":3}]"#),
        (#"/films?select=id&title=in.("Orphan, the \"film\"",Ran)&order=id"#, #"[{"id":4},{"id":6}]"#),
        ("/films?select=id&id=in.()", "[]"),
        ("/films?select=id&year=is.null", #"[{"id":6}]"#),
        ("/films?select=id&genre=is.not_null&order=id", #"[{"id":1},{"id":2},{"id":4},{"id":6}]"#),
        ("/films?select=id&year=not.is.null&id=gt.4", #"[{"id":5}]"#),
        ("/films?select=id&year=isdistinct.1967&id=in.(1,6)", #"[{"id":6}]"#),
        ("/films?select=id&genre=eq.drame&order=id", #"[{"id":2},{"id":4}]"#),
        // group: arrays and ranges
        ("/films?select=id&tags=cs.{paris}&order=id", #"[{"id":1},{"id":2}]"#),
        ("/films?select=id&tags=cd.{paris,x}&order=id&id=lt.3", #"[{"id":2}]"#),
        ("/films?select=id&tags=ov.{epic,noir}&order=id", #"[{"id":1},{"id":4}]"#),
        ("/films?select=id&span=ov.[5,6)&order=id", #"[{"id":2}]"#),
        ("/films?select=id&span=sl.[19,20)&order=id", #"[{"id":1},{"id":2}]"#),
        ("/films?select=id&span=sr.[9,10)", #"[{"id":4}]"#),
        ("/films?select=id&span=adj.[9,10)", #"[{"id":2}]"#),
        // group: full text
        ("/films?select=id&title=fts.ran", #"[{"id":4}]"#),
        ("/films?select=id&title=plfts(french).glaneur", #"[{"id":3}]"#),
        ("/films?select=id&title=wfts(simple).ran", #"[{"id":4}]"#),
        // group: quantifiers
        ("/films?select=id&title=like(any).{Le*,Ra*}&order=id", #"[{"id":1},{"id":3},{"id":4}]"#),
        ("/films?select=id&title=like(all).{Le*,*Sam*}", #"[{"id":1}]"#),
        ("/films?select=id&id=eq(any).{2,4}&order=id", #"[{"id":2},{"id":4}]"#),
        // group: logic
        ("/films?select=id&or=(id.eq.1,and(year.gt.1999,id.neq.3))&order=id", #"[{"id":1},{"id":5}]"#),
        ("/films?select=id&not.or=(id.lt.6,year.is.not_null)", #"[{"id":6}]"#),
        ("/films?select=id&and=(id.in.(1,2,3),not.or(id.eq.1,id.eq.2))", #"[{"id":3}]"#),
        (#"/films?select=id&or=(title.eq."Orphan, the \"film\"",title.eq.Ran)&order=id"#, #"[{"id":4},{"id":6}]"#),
        ("/films?select=id&or=(tags.cs.{noir,paris},id.eq.3)&order=id", #"[{"id":1},{"id":3}]"#),
        // group: select
        ("/films?select=id,nom:title&id=eq.4", #"[{"id":4,"nom":"Ran"}]"#),
        ("/films?select=id::text,rating::int&id=eq.4", #"[{"id":"4","rating":8}]"#),
        ("/films?select=meta->a->b->1,w:meta->>s&id=eq.1", #"[{"b":20,"w":"x"}]"#),
        ("/films?select=id&meta->>s=eq.y", #"[{"id":2}]"#),
        ("/films?select=id&meta->a->b=eq.[10, 20]", #"[{"id":1}]"#),
        ("/films?select=id&order=meta->>s.desc.nullslast&limit=2", #"[{"id":2},{"id":1}]"#),
        ("/films?select=tags->0&id=eq.1", #"[{"tags":"noir"}]"#),
        ("/films?select=shout&id=eq.4", #"[{"shout":"RAN"}]"#),
        ("/films?select=id&shout=eq.RAN", #"[{"id":4}]"#),
        // group: order and page
        ("/films?select=id&order=year.asc.nullsfirst,id&limit=2", #"[{"id":6},{"id":2}]"#),
        ("/films?select=id&order=id&limit=2&offset=3", #"[{"id":4},{"id":5}]"#),
        // group: quoting
        ("/measures", #"[{"time stamp":1,"a,b":"x"}]"#),
        (#"/measures?select="a,b"&time%20stamp=eq.1"#, #"[{"a,b":"x"}]"#),
        // group: order and page
        ("/recent?select=id&order=id", #"[{"id":3},{"id":5}]"#),
    ]

    // group: embedding
    static let embeds: [(String, String)] = [
        (
            "/films?select=id,directors(name)&id=in.(1,6)&order=id",
            #"[{"id":1,"directors":{"name":"Melville"}},{"id":6,"directors":null}]"#
        ),
        ("/films?select=id,d:director_id(name)&id=eq.1", #"[{"id":1,"d":{"name":"Melville"}}]"#),
        (
            "/directors?select=name,films(id)&films.order=id.desc&id=in.(2,4)&order=id",
            #"[{"name":"Varda","films":[{"id":5},{"id":3},{"id":2}]},{"name":"Nobody","films":[]}]"#
        ),
        (
            "/directors?select=id,films!inner(id)&films.year=gt.1999&order=id",
            #"[{"id":2,"films":[{"id":3},{"id":5}]}]"#
        ),
        (
            "/directors?select=id,films(id)&films.limit=1&films.order=id&films.offset=1&id=eq.2",
            #"[{"id":2,"films":[{"id":3}]}]"#
        ),
        ("/directors?select=id,films()&films=is.null", #"[{"id":4}]"#),
        ("/directors?select=id,films()&films=not.is.null&order=id", #"[{"id":1},{"id":2},{"id":3}]"#),
        (
            "/directors?select=id,films(id)&films.or=(id.eq.1,id.eq.2)&order=id&limit=2",
            #"[{"id":1,"films":[{"id":1}]},{"id":2,"films":[{"id":2}]}]"#
        ),
        (
            "/films?select=id,actors(name)&id=in.(1,3)&order=id&actors.order=name",
            #"[{"id":1,"actors":[{"name":"Delon"},{"name":"Marchand"}]},{"id":3,"actors":[]}]"#
        ),
        (
            "/films?select=id,roles(character,actors(name))&id=eq.4",
            #"[{"id":4,"roles":[{"character":"Hidetora","actors":{"name":"Nakadai"}}]}]"#
        ),
        (
            "/films?select=id,details(runtime)&id=in.(1,3)&order=id",
            #"[{"id":1,"details":{"runtime":105}},{"id":3,"details":null}]"#
        ),
        (
            "/films?select=id,details!inner(runtime)&details.runtime=gt.100&order=id",
            #"[{"id":1,"details":{"runtime":105}},{"id":4,"details":{"runtime":162}}]"#
        ),
        (
            "/films?select=id,...directors(country,who:name)&id=in.(4,6)&order=id",
            #"[{"id":4,"country":"JP","who":"Kurosawa"},{"id":6,"country":null,"who":null}]"#
        ),
        (
            "/directors?select=name,...films(titles:title)&id=eq.2&films.order=id",
            #"[{"name":"Varda","titles":["Cléo de 5 à 7", "Les Glaneurs", "Deux ans après"]}]"#
        ),
        (
            "/films?select=id,directors(name)&order=directors(name).desc,id&limit=2&director_id=not.is.null",
            #"[{"id":2,"directors":{"name":"Varda"}},{"id":3,"directors":{"name":"Varda"}}]"#
        ),
        (
            "/shops?select=name,billing:addresses!billing_id(city),shipping:addresses!shops_shipping(city)",
            #"[{"name":"Au film","billing":{"city":"Paris"},"shipping":{"city":"Lyon"}}]"#
        ),
        ("/films?select=id,sequel_of(title)&id=eq.5", #"[{"id":5,"sequel_of":{"title":"Les Glaneurs"}}]"#),
        ("/films?select=id,films(id)&id=eq.3", #"[{"id":3,"films":[{"id":5}]}]"#),
        (
            "/films?select=id,best_role(character)&id=in.(1,3)&order=id",
            #"[{"id":1,"best_role":{"character":"Jef"}},{"id":3,"best_role":null}]"#
        ),
        ("/recent?select=id,directors(name)&id=eq.3", #"[{"id":3,"directors":{"name":"Varda"}}]"#),
        ("/directors?select=id,recent(id)&id=eq.2&recent.order=id", #"[{"id":2,"recent":[{"id":3},{"id":5}]}]"#),
        (
            "/films?select=*,directors(*)&id=eq.6&limit=1",
            #"[{"id":6,"title":"Orphan, the \"film\"","year":null,"genre":"comédie","director_id":null,"sequel_of":null,"tags":[],"meta":{},"rating":null,"seen_on":null,"span":null,"directors":null}]"#
        ),
    ]

    @Test func `filters, orders and pages give the rows that SQL would`() async throws {
        try await Cinema.run { cinema in
            for (target, body) in Self.reads {
                let response = await cinema.get(target)
                #expect(response.status.code == 200, "\(target): \(response.text)")
                #expect(response.flat == body, "\(target)")
            }
        }
    }

    @Test func `relations are embedded in each other`() async throws {
        try await Cinema.run { cinema in
            for (target, body) in Self.embeds {
                let response = await cinema.get(target)
                #expect(response.status.code == 200, "\(target): \(response.text)")
                #expect(response.flat == body, "\(target)")
            }
        }
    }

    // group: aggregates
    @Test func `aggregates group by what else is selected, when they are allowed`() async throws {
        try await Cinema.run { cinema in
            let refused = await cinema.get("/films?select=count()")
            expect(refused, 400)
            #expect(refused.code == "PGRST123")
        }
        try await Cinema.run({ $0.allowsAggregates = true }) { cinema in
            expect(await cinema.get("/films?select=count()"), 200, #"[{"count":6}]"#)
            expect(
                await cinema.get("/films?select=genre,n:id.count(),rating.avg()::int&genre=not.is.null&order=genre"),
                200,
                #"[{"genre":"drame","n":2,"avg":8},{"genre":"comédie","n":1,"avg":null},{"genre":"policier","n":1,"avg":8}]"#
            )
            expect(
                await cinema.get("/directors?select=name,films(count())&id=eq.2"), 200,
                #"[{"name":"Varda","films":[{"count":3}]}]"#)
            expect(
                await cinema.get("/films?select=...directors(country),id.max()&director_id=not.is.null&order=id.max"),
                400)
            expect(
                await cinema.get("/roles?select=...films(year.max())&film_id=in.(1,2)"), 200, #"[{"max":1967}]"#)
        }
    }
}
