"""Makes the Postman collection out of the served OpenAPI document, and runs a collection's requests in order."""

import json
import random
import re
import time
import uuid

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"

# What an answer is remembered as, for the requests after it: a path into its JSON.
CAPTURES = {
    "listAccounts": {"account_id": "accounts.0.id", "account_iban": "accounts.0.iban"},
    "orderTransfer": {"transfer_id": "id"},
    "trustBeneficiary": {"beneficiary_id": "beneficiary.id"},
    "listCards": {"card_id": "cards.0.id"},
    "createStandingOrder": {"standing_order_id": "id"},
}

# Which variable a path's {id} stands for.
IDS = {
    "/accounts": "account_id", "/transfers": "transfer_id", "/beneficiaries": "beneficiary_id", "/cards": "card_id",
    "/standing-orders": "standing_order_id", "/reveals": "$guid", "/alerts": "$randomInt",
}

# Order of the requests within the bank's folders: what is made comes before what uses it.
ORDER = [
    "listAccounts", "getAccount", "listHolds", "getStatement", "trustBeneficiary", "listBeneficiaries",
    "previewTransfer", "authorizeTransfer", "orderTransfer", "getTransfer", "orderTransfers", "sendPaymentFile",
    "createStandingOrder", "listStandingOrders", "changeStandingOrder", "endStandingOrder", "listCards", "limitCard",
    "blockCard", "unblockCard", "removeBeneficiary", "revealDatum", "getReveal", "denyTransfer",
    "listAlerts", "answerAlert", "getOpenAPI",
]

# What a client is refused: these are for admins, or there is none of the number. Without a fraud desk no denial is heard.
REFUSED = {"revealDatum": [403], "getReveal": [404], "answerAlert": [404], "denyTransfer": [200, 503]}

# Values of examples that only the bank at hand knows.
EXAMPLE_IBAN = "FR7630006000011234567890189"


def script(statuses, captures):
    lines = [
        f"pm.test('answers {' or '.join(map(str, statuses))}', () =>",
        f"    pm.expect(pm.response.code).to.be.oneOf({json.dumps(statuses)}));",
    ]
    for name, path in captures.items():
        access = "".join(f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("."))
        lines.append(f"pm.collectionVariables.set('{name}', pm.response.json(){access});")
    return [{"listen": "test", "script": {"type": "text/javascript", "exec": lines}}]


def request(name, method, path, *, body=None, content="application/json", headers=(), statuses=(200,), captures=None,
            query=(), description=""):
    fields = [{"key": "apikey", "value": "{{anon_key}}"}, *headers]
    item = {
        "name": name,
        "event": script(list(statuses), captures or {}),
        "request": {
            "method": method,
            "header": fields,
            "url": {
                "raw": "{{url}}" + path + ("?" + "&".join(f"{k}={v}" for k, v in query) if query else ""),
                "host": ["{{url}}"],
                "path": path.strip("/").split("/"),
                **({"query": [{"key": k, "value": v} for k, v in query]} if query else {}),
            },
            "description": description,
        },
    }
    if body is not None:
        fields.append({"key": "Content-Type", "value": content})
        item["request"]["body"] = {"mode": "raw", "raw": body if isinstance(body, str) else json.dumps(
            body, ensure_ascii=False, indent=2)}
    return item


SIGNED_IN = {"key": "Authorization", "value": "Bearer {{access_token}}"}


def auth_folder():
    account = {"email": "{{email}}", "password": "{{password}}"}
    return {"name": "Auth", "item": [
        request("Sign in", "POST", "/auth/v1/token", query=[("grant_type", "password")], body=account,
                captures={"access_token": "access_token", "refresh_token": "refresh_token"}),
        request("Refresh the session", "POST", "/auth/v1/token", query=[("grant_type", "refresh_token")],
                body={"refresh_token": "{{refresh_token}}"},
                captures={"access_token": "access_token", "refresh_token": "refresh_token"}),
        request("Who am I", "GET", "/auth/v1/user", headers=[SIGNED_IN]),
        request("Settings", "GET", "/auth/v1/settings"),
        request("Public keys", "GET", "/auth/v1/.well-known/jwks.json"),
    ]}


def rest_folder():
    return {"name": "REST", "item": [
        request("My accounts", "GET", "/rest/v1/comptes", headers=[SIGNED_IN],
                query=[("select", "id,type,devise,solde_minor"), ("order", "id")]),
        request("Accounts with their cards", "GET", "/rest/v1/comptes", headers=[SIGNED_IN],
                query=[("select", "id,cartes(id,pan_fin)"), ("limit", "10")]),
        request("Last postings, counted", "GET", "/rest/v1/ecritures",
                headers=[SIGNED_IN, {"key": "Prefer", "value": "count=exact"}],
                query=[("select", "compte_id,numero,montant_minor,booked_at"), ("order", "booked_at.desc"),
                       ("limit", "20")], statuses=(200, 206)),
        request("A balance, by a function", "GET", "/rest/v1/rpc/mes_comptes", headers=[SIGNED_IN]),
        request("Two reads in one transaction", "POST", "/rest/v1/batch", headers=[SIGNED_IN],
                body={"requests": [{"id": "comptes", "method": "GET", "path": "/comptes?select=id"},
                                   {"id": "cartes", "method": "GET", "path": "/cartes?select=id"}]}),
    ]}


def bank_item(path, method, operation):
    name = operation["operationId"]
    variable = IDS.get("/" + path.split("/")[1])
    if variable:
        path = path.replace("{id}", "{{" + variable + "}}")
    headers = [] if name == "getOpenAPI" else [SIGNED_IN]
    if any(p["name"] == "Idempotency-Key" for p in operation.get("parameters", [])):
        headers.append({"key": "Idempotency-Key", "value": "{{$guid}}"})
    body, content = None, "application/json"
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        body, content = example(media["example"], kind, name), kind
    statuses = REFUSED.get(name) or sorted(int(code) for code in operation["responses"] if code.startswith("2"))
    return request(operation.get("summary", name), method.upper(), "/bank/v1" + path, headers=headers, body=body,
                   content=content, statuses=statuses, captures=CAPTURES.get(name), description=name)


def example(value, kind, name):
    text = value if kind != "application/json" else json.dumps(value, ensure_ascii=False, indent=2)
    if name == "blockCard":
        # The only block that the next request can take back.
        text = text.replace('"lost"', '"temporary"')
    text = re.sub(r'"debit_account": \d+', '"debit_account": {{account_id}}', text)
    if kind == "application/xml":
        # Of two IBANs in a file of payments the first is the payer's.
        text = text.replace(EXAMPLE_IBAN, "{{account_iban}}", 1)
        text = re.sub(r"<MsgId>[^<]*</MsgId>", "<MsgId>FICHIER-{{$timestamp}}</MsgId>", text)
    return text.replace(EXAMPLE_IBAN, "{{payee_iban}}")


def make(document):
    operations = {
        operation["operationId"]: bank_item(path, method, operation)
        for path, methods in document["paths"].items() for method, operation in methods.items()
        if isinstance(operation, dict) and "operationId" in operation
    }
    missing = set(operations) ^ set(ORDER)
    if missing:
        raise ValueError(f"the order of requests and the document differ by {sorted(missing)}")
    variables = ["account_id", "account_iban", "transfer_id", "beneficiary_id", "card_id", "standing_order_id",
                 "access_token", "refresh_token"]
    return {
        "info": {"name": "DigitalBank", "schema": SCHEMA,
                 "description": "Sign in first: the requests below use its token. Made from the OpenAPI document."},
        "item": [auth_folder(), rest_folder(), {"name": "Bank", "item": [operations[name] for name in ORDER]}],
        "variable": [{"key": name, "value": ""} for name in variables],
    }


def environment():
    values = {"url": "http://127.0.0.1:8000", "anon_key": "", "email": "", "password": "", "payee_iban": ""}
    return {"name": "DigitalBank", "values": [
        {"key": key, "value": value, "type": "secret" if key in ("anon_key", "password") else "default",
         "enabled": True} for key, value in values.items()], "_postman_variable_scope": "environment"}


class Runner:
    """Does what Postman does with our collection: variables, requests in order, the two forms of test scripts."""

    def __init__(self, http, variables):
        self.http = http
        self.variables = dict(variables)

    def fill(self, text):
        def value(match):
            name = match.group(1)
            if name == "$guid":
                return str(uuid.uuid4())
            if name == "$randomInt":
                return str(random.randint(1, 1000))
            return str(int(time.time())) if name == "$timestamp" else str(self.variables[name])
        return re.sub(r"\{\{([^}]+)\}\}", value, text)

    def run(self, item):
        asked = item["request"]
        headers = {self.fill(h["key"]): self.fill(h["value"]) for h in asked["header"]}
        body = asked.get("body", {}).get("raw")
        answer = self.http.request(
            asked["method"], self.fill(asked["url"]["raw"]), headers=headers,
            content=None if body is None else self.fill(body).encode())
        lines = "\n".join(item["event"][0]["script"]["exec"])
        expected = json.loads(re.search(r"oneOf\((\[.*?\])\)", lines).group(1))
        assert answer.status_code in expected, f"{item['name']}: {answer.status_code} {answer.text}"
        for name, path in re.findall(r"set\('(\w+)', pm\.response\.json\(\)(.*?)\);", lines):
            found = answer.json()
            for part in re.findall(r"\w+", path):
                found = found[int(part)] if part.isdigit() else found[part]
            self.variables[name] = found
        return answer
