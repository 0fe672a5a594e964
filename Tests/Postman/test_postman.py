"""The Postman collection is what the document says, and each of its requests is answered as it expects."""

import json
import os
import pathlib

import httpx
import pytest

import collection

FOLDER = pathlib.Path(__file__).parents[2] / "docs" / "postman"
URL = os.environ["SUPABASE_URL"]


def write_or_compare(name, value):
    text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    path = FOLDER / name
    if os.environ.get("DIGITALBANK_WRITE_DOCS") == "1":
        path.write_text(text)
    assert path.read_text() == text, f"{path} is old: make docs"


def test_the_files_are_what_the_document_says():
    document = httpx.get(f"{URL}/bank/v1/openapi.json").json()
    write_or_compare("digitalbank.postman_collection.json", collection.make(document))
    write_or_compare("digitalbank.postman_environment.json", collection.environment())


def test_every_request_is_answered_as_expected():
    made = json.loads((FOLDER / "digitalbank.postman_collection.json").read_text())
    variables = {name: os.environ[name.upper()] for name in ["email", "password", "payee_iban"]}
    variables |= {"url": URL, "anon_key": os.environ["SUPABASE_ANON_KEY"]}
    with httpx.Client(timeout=20) as http:
        runner = collection.Runner(http, variables)
        count = 0
        for folder in made["item"]:
            if folder["name"] == "Bank" and "ACCESS_TOKEN" in os.environ:
                # Some operations want the second factor, which a collection cannot give.
                runner.variables["access_token"] = os.environ["ACCESS_TOKEN"]
            for item in folder["item"]:
                runner.run(item)
                count += 1
    assert count >= 30
