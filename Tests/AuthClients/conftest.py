"""What the tests of Auth with Supabase's own Python client share: the server, its keys, and the folder its mails go to."""

import email
import email.policy
import itertools
import os
import pathlib
import re
import time
import urllib.parse

import pytest
from supabase import create_client
from supabase.lib.client_options import SyncClientOptions

URL = os.environ["SUPABASE_URL"]
ANON = os.environ["SUPABASE_ANON_KEY"]
SERVICE = os.environ["SUPABASE_SERVICE_ROLE_KEY"]
MAIL = pathlib.Path(os.environ["TEST_MAIL_FOLDER"])
counter = itertools.count()


def new_client(flow="pkce"):
    return create_client(URL, ANON, SyncClientOptions(flow_type=flow, auto_refresh_token=False))


@pytest.fixture
def client():
    return new_client()


@pytest.fixture
def another():
    return new_client()


@pytest.fixture
def admin():
    return create_client(URL, SERVICE, SyncClientOptions(auto_refresh_token=False)).auth.admin


@pytest.fixture
def address():
    return f"person-{next(counter)}@bank.example"


@pytest.fixture
def person(admin, address):
    """A confirmed account with the password of all of them."""
    return admin.create_user({"email": address, "password": "correct horse", "email_confirm": True}).user


class Message:
    def __init__(self, path):
        parsed = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        self.to = parsed["To"].addresses[0].addr_spec
        self.text = parsed.get_content()
        self.code = next(iter(re.findall(r"^\s+(\d{6})\s*$", self.text, re.M)), None)
        link = re.search(r"https?://\S+/verify\?\S+", self.text)
        self.link = link.group(0) if link else None
        query = urllib.parse.urlparse(self.link).query if self.link else ""
        self.token_hash = next(iter(urllib.parse.parse_qs(query).get("token", [])), None)


@pytest.fixture
def mail():
    """The newest message to an address, once there are so many."""

    def wait(address, count=1):
        for _ in range(500):
            paths = sorted(MAIL.glob("*.eml"))
            found = [message for message in map(Message, paths) if message.to == address]
            if len(found) >= count:
                return found[-1]
            time.sleep(0.02)
        raise AssertionError(f"no message to {address}")

    return wait
