"""Validates files against a schema: python check.py SCHEMA FILE..."""

import sys

from lxml import etree

schema = etree.XMLSchema(etree.parse(sys.argv[1]))
bad = 0
for path in sys.argv[2:]:
    document = etree.parse(path)
    if not schema.validate(document):
        bad += 1
        print(path)
        for error in schema.error_log:
            print(f"  line {error.line}: {error.message}")
sys.exit(1 if bad else 0)
