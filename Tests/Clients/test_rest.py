"""The REST interface by the official client: what its methods put on the wire, and what they make of the answers."""

import pytest
from postgrest import APIError, CountMethod


def test_select_filters_and_orders(service):
    rows = service.table("films").select("id,title").gt("year", 1985).order("id", desc=True).execute()
    assert rows.data == [{"id": 5, "title": "Deux ans après"}, {"id": 3, "title": "Les Glaneurs"}]


@pytest.mark.parametrize(
    "build,ids",
    [
        (lambda q: q.eq("id", 1), [1]),
        (lambda q: q.neq("id", 1).lt("id", 4), [2, 3]),
        (lambda q: q.gte("year", 2000), [3, 5]),
        (lambda q: q.lte("year", 1962), [2]),
        (lambda q: q.like("title", "Le%"), [1, 3]),
        (lambda q: q.ilike("title", "%RAN%"), [4]),
        (lambda q: q.is_("year", "null"), [6]),
        (lambda q: q.in_("id", [2, 4]), [2, 4]),
        (lambda q: q.in_("title", ['Orphan, the "film"', "Ran"]), [4, 6]),
        (lambda q: q.contains("tags", ["paris"]), [1, 2]),
        (lambda q: q.contained_by("tags", ["paris", "x"]).lt("id", 3), [2]),
        (lambda q: q.overlaps("tags", ["epic", "noir"]), [1, 4]),
        (lambda q: q.range_gt("span", [8, 10]), [4]),
        (lambda q: q.range_lt("span", [18, 20]), [1, 2]),
        (lambda q: q.range_adjacent("span", [8, 10]), [2]),
        (lambda q: q.text_search("title", "ran"), [4]),
        (lambda q: q.match({"genre": "drame", "year": 1985}), [4]),
        (lambda q: q.or_("id.eq.1,and(year.gt.1999,id.neq.3)"), [1, 5]),
        (lambda q: q.not_.is_("year", "null").gt("id", 4), [5]),
        (lambda q: q.filter("meta->>s", "eq", "y"), [2]),
        (lambda q: q.like_any_of("title", "Le%,Ra%"), [1, 3, 4]),
        (lambda q: q.contains("meta", {"s": "x"}), [1]),
    ],
)
def test_each_filter(service, build, ids):
    rows = build(service.table("films").select("id")).order("id").execute()
    assert [row["id"] for row in rows.data] == ids


def test_embeds(service):
    rows = (
        service.table("directors")
        .select("name,films!inner(id,actors(name))")
        .eq("films.id", 4)
        .execute()
    )
    assert rows.data == [{"name": "Kurosawa", "films": [{"id": 4, "actors": [{"name": "Nakadai"}]}]}]
    rows = service.table("films").select("id,directors(name)").order("id").limit(1).execute()
    assert rows.data == [{"id": 1, "directors": {"name": "Melville"}}]
    rows = service.table("directors").select("id,films(id)").eq("id", 2).order("id", foreign_table="films", desc=True).limit(
        2, foreign_table="films").execute()
    assert rows.data == [{"id": 2, "films": [{"id": 5}, {"id": 3}]}]


def test_counts_and_ranges(service):
    page = service.table("films").select("id", count=CountMethod.exact).order("id").range(1, 2).execute()
    assert page.count == 6 and [row["id"] for row in page.data] == [2, 3]
    head = service.table("films").select("*", count=CountMethod.exact, head=True).execute()
    assert head.count == 6 and head.data == []
    assert service.table("films").select("id", count=CountMethod.planned).execute().count > 0


def test_single_and_maybe_single(service):
    assert service.table("films").select("title").eq("id", 4).single().execute().data == {"title": "Ran"}
    with pytest.raises(APIError) as error:
        service.table("films").select("title").eq("id", 0).single().execute()
    assert error.value.code == "PGRST116"
    assert service.table("films").select("title").eq("id", 0).maybe_single().execute() is None


def test_csv_and_explain(service):
    assert service.table("films").select("id,title").eq("id", 4).csv().execute().data == "id,title\n4,Ran"


def test_writes(service):
    made = service.table("directors").insert({"id": 100, "name": "Ozu"}).execute()
    assert made.data == [{"id": 100, "name": "Ozu", "country": None}]
    both = service.table("directors").insert([{"id": 101, "name": "a"}, {"id": 102, "name": "b"}]).execute()
    assert [row["id"] for row in both.data] == [101, 102]
    merged = service.table("directors").upsert({"id": 100, "name": "Ozu Yasujirō"}).execute()
    assert merged.data[0]["name"] == "Ozu Yasujirō"
    ignored = service.table("directors").upsert({"id": 100, "name": "x"}, ignore_duplicates=True).execute()
    assert ignored.data == []
    changed = service.table("directors").update({"country": "JP"}).eq("id", 100).execute()
    assert changed.data[0]["country"] == "JP"
    gone = service.table("directors").delete().gte("id", 100).execute()
    assert sorted(row["id"] for row in gone.data) == [100, 101, 102]


def test_errors_carry_code_and_message(service):
    with pytest.raises(APIError) as error:
        service.table("directors").insert({"id": 1, "name": "x"}).execute()
    assert error.value.code == "23505" and "directors_pkey" in error.value.message
    with pytest.raises(APIError) as error:
        service.table("nope").select("*").execute()
    assert error.value.code == "PGRST205"
    with pytest.raises(APIError) as error:
        service.table("films").select("nope").execute()
    assert error.value.code == "42703"


def test_calls(service):
    assert service.rpc("add_them", {"a": 1, "b": 2}).execute().data == 3
    rows = service.rpc("films_by", {"word": "ran"}).select("id,directors(name)").execute()
    assert rows.data == [{"id": 4, "directors": {"name": "Kurosawa"}}]
    assert service.rpc("add_them", {"a": 4, "b": 5}, get=True).execute().data == 9
    with pytest.raises(APIError) as error:
        service.rpc("nope", {}).execute()
    assert error.value.code == "PGRST202"


def test_roles_see_what_they_may(anon):
    assert anon.rpc("who").execute().data == "anon"
    with pytest.raises(APIError) as error:
        anon.table("secrets").select("*").execute()
    assert error.value.code == "42501"


@pytest.mark.asyncio
async def test_the_same_asynchronously(async_service):
    rows = await async_service.table("films").select("id").eq("id", 2).execute()
    assert rows.data == [{"id": 2}]
    assert (await async_service.rpc("add_them", {"a": 1}).execute()).data == 11
