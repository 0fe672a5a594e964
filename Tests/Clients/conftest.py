"""What the tests with Supabase's own Python client share: where the server is and the keys to it."""

import os

import pytest
import pytest_asyncio
from supabase import acreate_client, create_client

URL = os.environ["SUPABASE_URL"]
ANON = os.environ["SUPABASE_ANON_KEY"]
SERVICE = os.environ["SUPABASE_SERVICE_ROLE_KEY"]


@pytest.fixture
def url():
    return URL


@pytest.fixture
def anon():
    return create_client(URL, ANON)


@pytest.fixture
def service():
    return create_client(URL, SERVICE)


@pytest_asyncio.fixture
async def async_service():
    return await acreate_client(URL, SERVICE)
