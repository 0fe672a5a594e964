"""Checks a $metadata document: csdl.xsd for its form, and what no schema can say of its names."""
import os

from lxml import etree

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
EDMX = "{http://docs.oasis-open.org/odata/ns/edmx}"


def check(document):
    """Raises what is wrong with it."""
    assert document.tag == EDMX + "Edmx" and document.get("Version") in ("4.0", "4.01")
    assert [e.tag for e in document] == [EDMX + "Reference"] * (len(document) - 1) + [EDMX + "DataServices"]
    aliases = {i.get("Alias") for i in document.iter(EDMX + "Include")}
    (schema,) = document[-1]
    here = os.path.dirname(os.path.abspath(__file__))
    etree.XMLSchema(etree.parse(os.path.join(here, "csdl.xsd"))).assertValid(schema)

    types = {t.get("Name"): t for t in schema.findall(EDM + "EntityType")}
    sets = {s.get("Name"): s for s in schema.iter(EDM + "EntitySet")}
    qualified = {schema.get("Namespace") + "." + name for name in types}
    for entity in types.values():
        members = [e.get("Name") for e in entity if e.tag in (EDM + "Property", EDM + "NavigationProperty")]
        assert len(members) == len(set(members)), entity.get("Name")
        nullable = {p.get("Name"): p.get("Nullable") != "false" for p in entity.findall(EDM + "Property")}
        for key in entity.iter(EDM + "PropertyRef"):
            assert nullable[key.get("Name")] is False, "a key that may be null"
        for decimal in entity.findall(EDM + "Property[@Type='Edm.Decimal']"):
            assert int(decimal.get("Scale")) <= int(decimal.get("Precision"))
        for link in entity.findall(EDM + "NavigationProperty"):
            assert link.get("Type") in qualified
    for entity_set in sets.values():
        assert entity_set.get("EntityType") in qualified
        own = types[entity_set.get("EntityType").split(".")[-1]]
        links = {n.get("Name"): n.get("Type") for n in own.findall(EDM + "NavigationProperty")}
        for binding in entity_set.findall(EDM + "NavigationPropertyBinding"):
            assert sets[binding.get("Target")].get("EntityType") == links[binding.get("Path")]
    for annotation in schema.iter(EDM + "Annotation"):
        assert annotation.get("Term").split(".")[0] in aliases
    return len(types)
