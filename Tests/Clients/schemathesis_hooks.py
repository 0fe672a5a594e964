"""Keeps Schemathesis to requests that HTTP can carry: others are refused by the HTTP server, before the bank sees them."""

import string

import schemathesis

NAMES = set(string.ascii_letters + string.digits + "-_")
VALUES = set(string.ascii_letters + string.digits + string.punctuation + " ")


@schemathesis.hook
def filter_headers(context, headers):
    return all(set(str(name)) <= NAMES and set(str(value)) <= VALUES for name, value in dict(headers or {}).items())
