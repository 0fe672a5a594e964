"""Auth by the official client: every method that it has for accounts, sessions and second factors."""

import base64
import hashlib
import hmac
import struct
import time
import urllib.parse

import httpx
import pytest
from conftest import ANON, URL, new_client
from supabase import acreate_client
from supabase.lib.client_options import AsyncClientOptions
from supabase_auth.errors import AuthApiError, AuthSessionMissingError, AuthWeakPasswordError

PASSWORD = "correct horse"
BACK = "https://app.bank.example/back"


def totp(secret, step=0):
    message = struct.pack(">Q", int(time.time()) // 30 + step)
    mac = hmac.new(base64.b32decode(secret), message, hashlib.sha1).digest()
    offset = mac[19] & 15
    return f"{(struct.unpack('>I', mac[offset:offset + 4])[0] & 0x7FFFFFFF) % 1000000:06d}"


def code_of(error):
    return error.value.code


def sign_in(client, address, password=PASSWORD):
    return client.auth.sign_in_with_password({"email": address, "password": password})


def test_sign_up_confirm_and_read_oneself(client, address, mail):
    up = client.auth.sign_up({"email": address, "password": PASSWORD, "options": {"data": {"name": "Ana"}}})
    assert up.session is None and up.user.email == address and up.user.user_metadata == {"name": "Ana"}
    with pytest.raises(AuthApiError) as early:
        sign_in(client, address)
    assert code_of(early) == "email_not_confirmed"
    done = client.auth.verify_otp({"email": address, "token": mail(address).code, "type": "signup"})
    assert done.session.access_token and done.user.email_confirmed_at
    assert client.auth.get_user().user.id == done.user.id
    assert client.auth.get_user_identities().identities[0].provider == "email"


def test_password_and_wrong_password(client, person):
    session = sign_in(client, person.email).session
    assert session.token_type == "bearer" and session.expires_in == 3600 and session.user.id == person.id
    with pytest.raises(AuthApiError) as wrong:
        sign_in(client, person.email, "wrong horse")
    assert code_of(wrong) == "invalid_credentials" and wrong.value.message == "Invalid login credentials"


def test_weak_password(client, address):
    with pytest.raises(AuthWeakPasswordError) as weak:
        client.auth.sign_up({"email": address, "password": "short"})
    assert "length" in weak.value.reasons


def test_claims_are_verified_against_the_published_keys(client, person):
    sign_in(client, person.email)
    answer = client.auth.get_claims()
    assert answer["headers"]["alg"] == "ES256" and answer["headers"]["kid"]
    assert answer["claims"]["sub"] == person.id and answer["claims"]["aal"] == "aal1"


def test_refresh_and_set_session(client, another, person):
    first = sign_in(client, person.email).session
    second = client.auth.refresh_session().session
    assert second.refresh_token != first.refresh_token
    again = another.auth.set_session(second.access_token, second.refresh_token)
    assert again.user.id == person.id
    third = client.auth.refresh_session().session
    with pytest.raises(AuthApiError) as used:
        another.auth.refresh_session(first.refresh_token)
    assert code_of(used) == "refresh_token_already_used"
    with pytest.raises(AuthApiError) as gone:
        client.auth.refresh_session(third.refresh_token)
    assert code_of(gone) == "refresh_token_not_found"


@pytest.mark.parametrize("scope", ["global", "local", "others"])
def test_sign_out(client, another, person, scope):
    mine = sign_in(client, person.email).session
    other = sign_in(another, person.email).session
    client.auth.sign_out({"scope": scope})
    alive = {name: is_alive(session) for name, session in (("mine", mine), ("other", other))}
    assert alive == {"mine": scope == "others", "other": scope == "local"}


def is_alive(session):
    try:
        return new_client().auth.get_user(session.access_token) is not None
    except AuthApiError:
        return False


def test_update_user(client, person):
    sign_in(client, person.email)
    assert client.auth.update_user({"data": {"colour": "red"}}).user.user_metadata["colour"] == "red"
    with pytest.raises(AuthApiError) as same:
        client.auth.update_user({"password": PASSWORD})
    assert code_of(same) == "same_password"
    client.auth.update_user({"password": "another horse"})
    assert sign_in(new_client(), person.email, "another horse").session


def test_change_of_address(client, person, mail):
    sign_in(client, person.email)
    next_address = "next-" + person.email
    assert client.auth.update_user({"email": next_address}).user.new_email == next_address
    half = client.auth.verify_otp({"email": next_address, "token": mail(next_address).code, "type": "email_change"})
    assert half.session is None
    whole = client.auth.verify_otp({"email": person.email, "token": mail(person.email).code, "type": "email_change"})
    assert whole.user.email == next_address


def test_one_time_code(client, address, mail):
    answer = client.auth.sign_in_with_otp({"email": address})
    assert answer.message_id is None
    session = client.auth.verify_otp({"email": address, "token": mail(address).code, "type": "email"}).session
    assert session.user.email == address
    with pytest.raises(AuthApiError) as again:
        client.auth.verify_otp({"email": address, "token": mail(address).code, "type": "email"})
    assert code_of(again) == "otp_expired"


def test_a_link_that_is_opened_and_confirmed_gives_the_code_of_a_flow(client, person, mail):
    client.auth.sign_in_with_otp({"email": person.email, "options": {"email_redirect_to": BACK}})
    message = mail(person.email)
    page = httpx.get(message.link.replace("https://bank.example", URL))
    assert page.status_code == 200 and "<form" in page.text
    form = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(message.link).query))
    answer = httpx.post(URL + "/auth/v1/verify", data=form)
    assert answer.status_code == 303 and answer.headers["location"].startswith(BACK + "?code=")
    code = urllib.parse.parse_qs(urllib.parse.urlparse(answer.headers["location"]).query)["code"][0]
    session = client.auth.exchange_code_for_session({"auth_code": code}).session
    assert session.user.id == person.id


def test_a_link_without_pkce_gives_the_session_in_the_fragment(person, mail):
    client = new_client("implicit")
    client.auth.sign_in_with_otp({"email": person.email, "options": {"email_redirect_to": BACK}})
    form = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(mail(person.email).link).query))
    location = httpx.post(URL + "/auth/v1/verify", data=form).headers["location"]
    client.auth.initialize(url=location)
    assert client.auth.get_session().user.id == person.id


def test_forgotten_password(client, person, mail):
    client.auth.reset_password_for_email(person.email, {"redirect_to": BACK})
    token_hash = mail(person.email).token_hash
    client.auth.verify_otp({"token_hash": token_hash, "type": "recovery"})
    client.auth.update_user({"password": "another horse"})
    assert sign_in(new_client(), person.email, "another horse").session


def test_resend_and_reauthenticate(client, person, address, mail):
    assert client.auth.resend({"type": "signup", "email": "nobody@bank.example"}).message_id is None
    sign_in(client, person.email)
    client.auth.reauthenticate()
    assert mail(person.email).code
    client.auth.sign_out()
    with pytest.raises(AuthSessionMissingError):
        client.auth.reauthenticate()


def test_anonymous(client):
    session = client.auth.sign_in_anonymously({"options": {"data": {"from": "shop"}}}).session
    assert session.user.is_anonymous and session.user.user_metadata == {"from": "shop"}


def test_second_factor(client, another, person):
    sign_in(client, person.email)
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "phone", "issuer": "Bank"})
    assert factor.totp.qr_code.startswith("data:image/svg+xml;utf-8,<svg") and factor.totp.uri.startswith("otpauth://totp/Bank:")
    levels = client.auth.mfa.get_authenticator_assurance_level()
    assert (levels.current_level, levels.next_level) == ("aal1", "aal1")
    challenge = client.auth.mfa.challenge({"factor_id": factor.id})
    assert challenge.factor_type == "totp" and challenge.expires_at > time.time()
    code = totp(factor.totp.secret)
    client.auth.mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": code})
    levels = client.auth.mfa.get_authenticator_assurance_level()
    assert levels.current_level == "aal2" and levels.current_authentication_methods[0].method == "totp"
    with pytest.raises(AuthApiError) as used:
        client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code})
    assert code_of(used) == "mfa_verification_failed"
    assert [f.id for f in client.auth.mfa.list_factors().totp] == [factor.id]
    sign_in(another, person.email)
    assert another.auth.mfa.get_authenticator_assurance_level().next_level == "aal2"
    with pytest.raises(AuthApiError) as low:
        another.auth.update_user({"password": "another horse"})
    assert code_of(low) == "insufficient_aal"
    another.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": totp(factor.totp.secret, 1)})
    assert client.auth.mfa.unenroll({"factor_id": factor.id}).id == factor.id
    assert client.auth.mfa.list_factors().all == []


def test_identities_and_providers(client, person):
    url = client.auth.sign_in_with_oauth({"provider": "keycloak", "options": {"redirect_to": BACK}}).url
    answer = httpx.get(url)
    assert answer.status_code == 302 and answer.headers["location"].startswith("https://login.provider.example/auth?")
    sign_in(client, person.email)
    linked = client.auth.link_identity({"provider": "keycloak", "options": {"redirect_to": BACK}})
    assert linked.url.startswith("https://login.provider.example/auth?")
    with pytest.raises(AuthApiError) as last:
        client.auth.unlink_identity(client.auth.get_user_identities().identities[0])
    assert code_of(last) == "single_identity_not_deletable"
    with pytest.raises(AuthApiError) as bad:
        client.auth.sign_in_with_id_token({"provider": "keycloak", "token": "a.b.c"})
    assert code_of(bad) == "bad_oauth_callback"


def test_admin_users(admin, client, address):
    user = admin.create_user(
        {
            "email": address, "password": PASSWORD, "email_confirm": True,
            "app_metadata": {"role": "analyst"}, "user_metadata": {"name": "A"},
        }
    ).user
    assert admin.get_user_by_id(user.id).user.app_metadata["role"] == "analyst"
    assert user.id in [u.id for u in admin.list_users(page=1, per_page=1000)]
    assert admin.update_user_by_id(user.id, {"user_metadata": {"name": "B"}}).user.user_metadata == {"name": "B"}
    session = sign_in(client, address).session
    admin.update_user_by_id(user.id, {"ban_duration": "24h"})
    assert not is_alive(session)
    with pytest.raises(AuthApiError) as banned:
        sign_in(client, address)
    assert code_of(banned) == "user_banned"
    admin.update_user_by_id(user.id, {"ban_duration": "none"})
    session = sign_in(client, address).session
    factor = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "x"})
    assert [f.id for f in admin.mfa.list_factors({"user_id": user.id})] == [factor.id]
    assert admin.mfa.delete_factor({"user_id": user.id, "id": factor.id}).id == factor.id
    session = sign_in(client, address).session
    admin.sign_out(session.access_token, "global")
    assert not is_alive(session)
    admin.delete_user(user.id)
    with pytest.raises(AuthApiError) as gone:
        admin.get_user_by_id(user.id)
    assert code_of(gone) == "user_not_found" and gone.value.status == 404


def test_admin_needs_the_service_key(client, person):
    with pytest.raises(AuthApiError) as stranger:
        client.auth.admin.list_users()
    assert stranger.value.status == 401
    sign_in(client, person.email)
    with pytest.raises(AuthApiError) as user:
        client.auth._request("GET", "admin/users", jwt=client.auth.get_session().access_token)
    assert code_of(user) == "not_admin"


@pytest.mark.parametrize("kind", ["signup", "invite", "magiclink", "recovery"])
def test_links(admin, client, address, kind):
    if kind == "recovery":
        admin.create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    body = {"type": kind, "email": address, "options": {"redirect_to": BACK}}
    if kind == "signup":
        body["password"] = PASSWORD
    link = admin.generate_link(body)
    assert link.properties.redirect_to == BACK and link.properties.verification_type == kind
    session = client.auth.verify_otp({"token_hash": link.properties.hashed_token, "type": kind}).session
    assert session.user.email == address


def test_invitation(admin, client, address, mail):
    assert admin.invite_user_by_email(address, {"data": {"team": "x"}}).user.invited_at
    session = client.auth.verify_otp({"token_hash": mail(address).token_hash, "type": "invite"}).session
    assert session.user.user_metadata == {"team": "x"}


@pytest.mark.asyncio
async def test_asynchronous_client(admin, address):
    admin.create_user({"email": address, "password": PASSWORD, "email_confirm": True})
    client = await acreate_client(URL, ANON, AsyncClientOptions(auto_refresh_token=False))
    session = (await client.auth.sign_in_with_password({"email": address, "password": PASSWORD})).session
    assert (await client.auth.get_user()).user.email == address
    assert (await client.auth.refresh_session()).session.refresh_token != session.refresh_token
    await client.auth.sign_out()
    assert not is_alive(session)
