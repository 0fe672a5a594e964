"""Auth by the official client: accounts, sessions, second factors, administration."""

import base64
import email
import email.policy
import glob
import hashlib
import hmac
import os
import re
import struct
import time
import uuid

import pytest
from supabase import acreate_client, create_client
from supabase_auth.errors import AuthApiError

from conftest import ANON, SERVICE, URL

PASSWORD = "un mot de passe assez long"


def address():
    return f"c{uuid.uuid4().hex[:12]}@example.com"


def user(service, **more):
    made = service.auth.admin.create_user(
        {"email": address(), "password": PASSWORD, "email_confirm": True, **more})
    return made.user


def signed_in(service, **more):
    account = user(service, **more)
    client = create_client(URL, ANON)
    client.auth.sign_in_with_password({"email": account.email, "password": PASSWORD})
    return client, account


def mail_to(recipient):
    for _ in range(100):
        for path in sorted(glob.glob(os.environ["MAIL_FOLDER"] + "/*.eml"), reverse=True):
            with open(path, "rb") as file:
                message = email.message_from_binary_file(file, policy=email.policy.default)
            if recipient in message["To"]:
                return message.get_body(preferencelist=("plain",)).get_content()
        time.sleep(0.05)
    raise AssertionError(f"no mail to {recipient}")


def code_in(text):
    return re.search(r"\b(\d{6})\b", text).group(1)


def totp(secret, at=None):
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    step = int((at or time.time()) // 30)
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    place = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[place:place + 4])[0] & 0x7FFFFFFF) % 1_000_000)


def test_a_new_account_is_confirmed_by_the_code_it_is_sent(anon):
    where = address()
    answer = anon.auth.sign_up({"email": where, "password": PASSWORD, "options": {"data": {"nom": "Ada"}}})
    assert answer.session is None and answer.user.email == where
    with pytest.raises(AuthApiError) as error:
        anon.auth.sign_in_with_password({"email": where, "password": PASSWORD})
    assert error.value.code == "email_not_confirmed"
    session = anon.auth.verify_otp({"email": where, "token": code_in(mail_to(where)), "type": "signup"}).session
    assert session.user.user_metadata["nom"] == "Ada" and session.expires_in > 0


def test_sign_in_refresh_and_sign_out(service):
    client, account = signed_in(service)
    first = client.auth.get_session()
    assert client.auth.get_user().user.id == account.id
    second = client.auth.refresh_session().session
    assert second.refresh_token != first.refresh_token
    rows = client.rpc("claims").execute().data
    assert rows["sub"] == account.id and rows["role"] == "authenticated" and rows["aal"] == "aal1"
    token = second.access_token
    client.auth.sign_out()
    # The access token ends with its session, not an hour later.
    stale = create_client(URL, ANON)
    stale.postgrest.auth(token)
    with pytest.raises(Exception) as error:
        stale.rpc("who").execute()
    assert "401" in str(error.value) or "session" in str(error.value)


def test_an_old_refresh_token_ends_the_session(service):
    client, _ = signed_in(service)
    old = client.auth.get_session().refresh_token
    for _ in range(3):
        client.auth.refresh_session()
    thief = create_client(URL, ANON)
    with pytest.raises(AuthApiError) as error:
        thief.auth.refresh_session(old)
    assert error.value.code in ("refresh_token_already_used", "refresh_token_not_found", "session_not_found")
    with pytest.raises(AuthApiError):
        client.auth.refresh_session()


def test_wrong_password_and_unknown_account_look_alike(service, anon):
    account = user(service)
    words = []
    for where in (account.email, address()):
        with pytest.raises(AuthApiError) as error:
            anon.auth.sign_in_with_password({"email": where, "password": "wrong wrong wrong"})
        words.append((error.value.code, error.value.message, error.value.status))
    assert words[0] == words[1] and words[0][0] == "invalid_credentials"


def test_weak_and_taken(service, anon):
    with pytest.raises(Exception) as error:
        anon.auth.sign_up({"email": address(), "password": "abc"})
    assert getattr(error.value, "code", None) == "weak_password"
    account = user(service)
    with pytest.raises(AuthApiError) as error:
        service.auth.admin.create_user({"email": account.email, "password": PASSWORD})
    assert error.value.code in ("email_exists", "user_already_exists")


def test_one_time_codes(service, anon):
    account = user(service)
    anon.auth.sign_in_with_otp({"email": account.email, "options": {"should_create_user": False}})
    code = code_in(mail_to(account.email))
    session = anon.auth.verify_otp({"email": account.email, "token": code, "type": "email"}).session
    assert session.user.id == account.id
    with pytest.raises(AuthApiError) as error:
        create_client(URL, ANON).auth.verify_otp({"email": account.email, "token": code, "type": "email"})
    assert error.value.code == "otp_expired"


def test_recovery_and_a_new_password(service, anon):
    account = user(service)
    anon.auth.reset_password_for_email(account.email)
    anon.auth.verify_otp(
        {"email": account.email, "token": code_in(mail_to(account.email)), "type": "recovery"})
    anon.auth.update_user({"password": "un tout autre mot de passe"})
    fresh = create_client(URL, ANON)
    fresh.auth.sign_in_with_password({"email": account.email, "password": "un tout autre mot de passe"})
    with pytest.raises(AuthApiError):
        create_client(URL, ANON).auth.sign_in_with_password({"email": account.email, "password": PASSWORD})


def test_a_user_changes_metadata_but_no_rights(service):
    client, _ = signed_in(service)
    assert client.auth.update_user({"data": {"langue": "fr"}}).user.user_metadata["langue"] == "fr"
    token = client.auth.get_session().access_token
    import httpx

    answer = httpx.put(
        URL + "/auth/v1/user", json={"app_metadata": {"role": "admin"}},
        headers={"apikey": ANON, "Authorization": f"Bearer {token}"})
    assert answer.status_code == 403


def test_second_factor(service):
    client, _ = signed_in(service)
    enrolled = client.auth.mfa.enroll({"factor_type": "totp", "friendly_name": "téléphone"})
    assert enrolled.totp.qr_code.startswith(("<svg", "data:image/svg+xml", "<?xml"))
    challenge = client.auth.mfa.challenge({"factor_id": enrolled.id})
    code = totp(enrolled.totp.secret)
    client.auth.mfa.verify({"factor_id": enrolled.id, "challenge_id": challenge.id, "code": code})
    assert client.rpc("claims").execute().data["aal"] == "aal2"
    levels = client.auth.mfa.get_authenticator_assurance_level()
    assert levels.current_level == "aal2" and levels.next_level == "aal2"
    # A code that was used once is of no use to who saw it.
    challenge = client.auth.mfa.challenge({"factor_id": enrolled.id})
    with pytest.raises(AuthApiError) as error:
        client.auth.mfa.verify({"factor_id": enrolled.id, "challenge_id": challenge.id, "code": code})
    assert error.value.code == "mfa_verification_failed"
    assert [factor.id for factor in client.auth.mfa.list_factors().totp] == [enrolled.id]
    client.auth.mfa.unenroll({"factor_id": enrolled.id})
    assert client.auth.mfa.list_factors().totp == []


def test_administration(service, anon):
    account = user(service, user_metadata={"a": 1}, app_metadata={"role": "analyst"})
    assert service.auth.admin.get_user_by_id(account.id).user.app_metadata["role"] == "analyst"
    changed = service.auth.admin.update_user_by_id(account.id, {"user_metadata": {"a": 2}})
    assert changed.user.user_metadata["a"] == 2
    assert account.id in [found.id for found in service.auth.admin.list_users(per_page=1000)]
    link = service.auth.admin.generate_link({"type": "magiclink", "email": account.email})
    assert link.properties.email_otp and link.properties.hashed_token
    session = anon.auth.verify_otp({"token_hash": link.properties.hashed_token, "type": "email"}).session
    assert session.user.id == account.id
    service.auth.admin.update_user_by_id(account.id, {"ban_duration": "1h"})
    with pytest.raises(AuthApiError) as error:
        anon.auth.sign_in_with_password({"email": account.email, "password": PASSWORD})
    assert error.value.code == "user_banned"
    service.auth.admin.delete_user(account.id)
    with pytest.raises(AuthApiError) as error:
        service.auth.admin.get_user_by_id(account.id)
    assert error.value.code == "user_not_found"


def test_who_is_no_administrator_administers_nothing(service):
    client, _ = signed_in(service)
    with pytest.raises(AuthApiError) as error:
        create_client(URL, ANON).auth.admin.list_users()
    assert error.value.status in (401, 403)


def test_anonymous_users(anon):
    session = anon.auth.sign_in_anonymously().session
    assert session.user.is_anonymous
    assert anon.rpc("claims").execute().data["is_anonymous"] is True


def test_claims_are_read_without_asking_twice(service):
    client, account = signed_in(service)
    assert client.auth.get_claims()["claims"]["sub"] == account.id


@pytest.mark.asyncio
async def test_the_same_asynchronously(service):
    account = user(service)
    client = await acreate_client(URL, ANON)
    await client.auth.sign_in_with_password({"email": account.email, "password": PASSWORD})
    assert (await client.auth.get_user()).user.id == account.id
    assert (await client.rpc("claims").execute()).data["sub"] == account.id
    await client.auth.sign_out()
