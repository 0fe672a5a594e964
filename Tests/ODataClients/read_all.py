"""A v4 client that somebody else wrote reads every set through its pages; lxml and a TMDL parser read the documents."""
import json
import os
import subprocess
import sys
from decimal import Decimal

import requests
from lxml import etree
from odata import ODataService

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import csdl


def find_tables(value):
    """Every object with columns and a name, wherever the parser put it."""
    if isinstance(value, dict):
        own = [value] if "columns" in value and "name" in value else []
        return own + [t for v in value.values() for t in find_tables(v)]
    if isinstance(value, list):
        return [t for v in value for t in find_tables(v)]
    return []


url, token = os.environ["ODATA_URL"], os.environ["ODATA_TOKEN"]
counts = json.loads(os.environ["ODATA_COUNTS"])

session = requests.Session()
session.auth = ("bi", token)
session.headers["Prefer"] = "odata.maxpagesize=4000"

document = etree.fromstring(session.get(url + "$metadata").content)
assert csdl.check(document) == len(counts)
# A schema that takes everything would check nothing.
for broken in (b"Type=\"Edm.Int64\"", b"<Key>", b"Namespace=\"Banque\""):
    text = etree.tostring(document)
    assert broken in text, broken
    wrong = {b"<Key>": b"<Keys>"}.get(broken, broken.replace(b"=\"", b"=\"!", 1))
    other = text.replace(broken, wrong).replace(b"</Key>", b"</Keys>" if broken == b"<Key>" else b"</Key>")
    try:
        csdl.check(etree.fromstring(other))
    except (AssertionError, etree.DocumentInvalid, KeyError):
        continue
    raise AssertionError("taken: " + repr(wrong))
namespaces = {"e": "http://docs.oasis-open.org/odata/ns/edm"}
types = {t.get("Name"): t for t in document.findall(".//e:EntityType", namespaces)}
assert set(types) == set(counts), set(types) ^ set(counts)
for entity in types.values():
    names = {p.get("Name") for p in entity.findall("e:Property", namespaces)}
    assert {k.get("Name") for k in entity.findall("e:Key/e:PropertyRef", namespaces)} <= names
    for link in entity.findall("e:NavigationProperty", namespaces):
        target = types[link.get("Type").split(".")[-1]]
        constraint = link.find("e:ReferentialConstraint", namespaces)
        assert constraint.get("Property") in names
        assert constraint.get("ReferencedProperty") in {p.get("Name") for p in target.findall("e:Property", namespaces)}

service = ODataService(url, session=session, reflect_entities=True)
pages = 0
for name, wanted in counts.items():
    entity = service.entities[name]
    found = sum(1 for _ in service.query(entity))
    assert found == wanted, (name, found, wanted)
    pages += wanted // 4000

facts = service.entities["fact_transaction"]
query = service.query(facts).filter(facts.montant > 100).order_by(facts.montant.desc()).limit(5)
rows = list(query)
amounts = [row.montant for row in rows]
assert len(rows) == 5 and amounts == sorted(amounts, reverse=True) and min(amounts) > 100
assert isinstance(amounts[0], (Decimal, float)), type(amounts[0])
total = int(session.get(url + "fact_transaction/$count").text.lstrip("\ufeff"))
assert total == counts["fact_transaction"]

project = os.environ["PROJECT"]
tool = os.path.join(os.path.dirname(sys.executable), "tmdl-to-json")
subprocess.run([tool, project + "/DigitalBank.pbip", "-o", project + "/model.json"], check=True, capture_output=True)
text = open(project + "/model.json").read()
parsed = json.loads(text)
for name in counts:
    assert name in text, name
measures = sum(len(t.get("measures", [])) for t in find_tables(parsed))
columns = sum(len(t.get("columns", [])) for t in find_tables(parsed))
assert len(find_tables(parsed)) >= len(counts), len(find_tables(parsed))
assert measures >= int(os.environ["MEASURES"]) and columns == int(os.environ["COLUMNS"]), (measures, columns)
print(f"sets read: {len(counts)}, rows {sum(counts.values())}, further pages {pages}")
sys.exit(0)
