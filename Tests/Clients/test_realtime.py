"""Realtime by the official client: changes under row level security, broadcast, presence, private channels."""

import asyncio
import uuid

import httpx
import pytest
from supabase import acreate_client

from conftest import ANON, SERVICE, URL

PASSWORD = "un mot de passe assez long"


async def person(service):
    """A signed-in client, and the id of its account."""
    email = f"r{uuid.uuid4().hex[:12]}@example.com"
    made = await service.auth.admin.create_user({"email": email, "password": PASSWORD, "email_confirm": True})
    client = await acreate_client(URL, ANON)
    await client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    return client, made.user.id


class Heard(list):
    """What a callback was told, and how to wait for it."""

    async def until(self, count, seconds=10):
        async with asyncio.timeout(seconds):
            while len(self) < count:
                await asyncio.sleep(0.01)
        return self


async def joined(channel, seconds=10):
    """Subscribes and waits for the server's word."""
    done = asyncio.get_running_loop().create_future()

    def told(status, error):
        if not done.done():
            done.set_result((str(getattr(status, "value", status)), error))

    await channel.subscribe(told)
    async with asyncio.timeout(seconds):
        status, error = await done
    return status, error


async def close(*clients):
    for client in clients:
        await client.realtime.close()


def notebook(owner, **more):
    return {"id": uuid.uuid4().int % 2_000_000_000, "owner": owner, "title": "t", **more}


@pytest.mark.asyncio
async def test_changes_reach_their_owner_and_nobody_else(async_service):
    alice, a = await person(async_service)
    bob, b = await person(async_service)
    heard_a, heard_b = Heard(), Heard()
    channels = [
        client.channel("books").on_postgres_changes("*", schema="public", table="notebooks", callback=heard.append)
        for client, heard in [(alice, heard_a), (bob, heard_b)]
    ]
    for channel in channels:
        assert (await joined(channel))[0] == "SUBSCRIBED"
    mine, yours = notebook(a, title="à Alice"), notebook(b, title="à Bob")
    table = async_service.table("notebooks")
    await table.insert([mine, yours]).execute()
    await async_service.table("notebooks").update({"pages": 7}).eq("id", mine["id"]).execute()
    await async_service.table("notebooks").delete().eq("id", mine["id"]).execute()
    await heard_a.until(3)
    await heard_b.until(1)
    kinds = [change["data"]["type"] for change in heard_a]
    assert [str(getattr(kind, "value", kind)) for kind in kinds] == ["INSERT", "UPDATE", "DELETE"]
    assert heard_a[0]["data"]["record"]["title"] == "à Alice"
    assert heard_a[1]["data"]["record"]["pages"] == 7
    assert heard_a[1]["data"]["old_record"]["pages"] == 0
    assert heard_a[2]["data"]["old_record"]["id"] == mine["id"]
    await asyncio.sleep(0.3)
    assert [change["data"]["record"]["id"] for change in heard_b] == [yours["id"]]
    await close(alice, bob)


@pytest.mark.asyncio
async def test_nothing_is_missed_between_the_answer_to_the_join_and_the_first_change(async_service):
    alice, a = await person(async_service)
    for _ in range(5):
        heard = Heard()
        channel = alice.channel(f"c{uuid.uuid4().hex}").on_postgres_changes(
            "INSERT", schema="public", table="notebooks", callback=heard.append)
        assert (await joined(channel))[0] == "SUBSCRIBED"
        await async_service.table("notebooks").insert(notebook(a)).execute()
        await heard.until(1)
        await alice.remove_channel(channel)
    await close(alice)


@pytest.mark.asyncio
async def test_filters_and_events_choose(async_service):
    heard_filter, heard_event = Heard(), Heard()
    channel = async_service.channel("filters")
    channel.on_postgres_changes(
        "INSERT", schema="public", table="notebooks", filter="pages=gt.10", callback=heard_filter.append)
    channel.on_postgres_changes("DELETE", schema="public", table="notebooks", callback=heard_event.append)
    assert (await joined(channel))[0] == "SUBSCRIBED"
    few, many = notebook(str(uuid.uuid4()), pages=3), notebook(str(uuid.uuid4()), pages=30)
    await async_service.table("notebooks").insert([few, many]).execute()
    await async_service.table("notebooks").delete().eq("id", few["id"]).execute()
    await heard_filter.until(1)
    await heard_event.until(1)
    assert [change["data"]["record"]["id"] for change in heard_filter] == [many["id"]]
    assert [change["data"]["old_record"]["id"] for change in heard_event] == [few["id"]]
    await close(async_service)


@pytest.mark.asyncio
async def test_a_table_without_the_right_to_read_is_refused(async_service):
    anon = await acreate_client(URL, ANON)
    channel = anon.channel("secret").on_postgres_changes("*", schema="public", table="secrets", callback=print)
    status, error = await joined(channel)
    assert status == "CHANNEL_ERROR", (status, error)
    await close(anon)


@pytest.mark.asyncio
async def test_broadcasts_reach_the_others_and_oneself_when_asked(async_service):
    one, two = await acreate_client(URL, ANON), await acreate_client(URL, ANON)
    heard_one, heard_two = Heard(), Heard()
    first = one.channel("room", {"config": {"broadcast": {"self": True, "ack": True}, "presence": {}, "private": False}})
    second = two.channel("room")
    first.on_broadcast("hello", heard_one.append)
    second.on_broadcast("hello", heard_two.append)
    assert (await joined(first))[0] == "SUBSCRIBED"
    assert (await joined(second))[0] == "SUBSCRIBED"
    await first.send_broadcast("hello", {"words": "bonjour"})
    await heard_one.until(1)
    await heard_two.until(1)
    assert heard_two[0]["payload"] == {"words": "bonjour"}
    await second.send_broadcast("hello", {"words": "salut"})
    await heard_one.until(2)
    await asyncio.sleep(0.2)
    assert len(heard_two) == 1
    await close(one, two)


@pytest.mark.asyncio
async def test_presence_tells_who_is_there_who_comes_and_who_leaves(async_service):
    one, two = await acreate_client(URL, ANON), await acreate_client(URL, ANON)
    joins, leaves = Heard(), Heard()
    config = lambda key: {"config": {"presence": {"key": key, "enabled": True}, "broadcast": {}, "private": False}}
    first = one.channel("desk", config("one"))
    first.on_presence_join(lambda key, before, new: joins.append(key))
    first.on_presence_leave(lambda key, before, gone: leaves.append(key))
    assert (await joined(first))[0] == "SUBSCRIBED"
    second = two.channel("desk", config("two"))
    second.on_presence_sync(lambda: None)
    assert (await joined(second))[0] == "SUBSCRIBED"
    await first.track({"mood": "gai"})
    await second.track({"mood": "las"})
    async with asyncio.timeout(10):
        while set(first.presence_state()) != {"one", "two"} or set(second.presence_state()) != {"one", "two"}:
            await asyncio.sleep(0.01)
    await second.untrack()
    await leaves.until(1)
    assert leaves[0] == "two"
    assert "two" in joins
    await close(one, two)


@pytest.mark.asyncio
async def test_private_channels_follow_the_policies(async_service):
    alice, a = await person(async_service)
    bob, _ = await person(async_service)
    private = {"config": {"private": True, "broadcast": {}, "presence": {}}}
    heard = Heard()
    mine = alice.channel(f"own:{a}", private)
    mine.on_broadcast("note", heard.append)
    assert (await joined(mine))[0] == "SUBSCRIBED"
    status, error = await joined(bob.channel(f"own:{a}", private))
    assert status == "CHANNEL_ERROR", (status, error)
    message = {"topic": f"own:{a}", "event": "note", "payload": {"n": 1}, "private": True}
    async with httpx.AsyncClient() as http:
        for key, expected in [(ANON, 403), (SERVICE, 202)]:
            answer = await http.post(
                f"{URL}/realtime/v1/api/broadcast", headers={"apikey": key}, json={"messages": [message]})
            assert answer.status_code == expected, answer.text
    await heard.until(1)
    assert heard[0]["payload"]["n"] == 1
    await close(alice, bob)


@pytest.mark.asyncio
async def test_logging_out_ends_what_the_session_follows(async_service):
    alice, a = await person(async_service)
    heard = Heard()
    channel = alice.channel("mine").on_postgres_changes(
        "*", schema="public", table="notebooks", callback=heard.append)
    assert (await joined(channel))[0] == "SUBSCRIBED"
    token = (await alice.auth.get_session()).access_token
    await async_service.auth.admin.sign_out(token, "global")
    await asyncio.sleep(1)
    await async_service.table("notebooks").insert(notebook(a)).execute()
    await asyncio.sleep(1)
    assert heard == []
    await close(alice)
