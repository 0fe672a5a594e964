"""Verifies webhooks by the standard's own library: lines of JSON {secret, body, headers} on standard input."""

import json
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

for line in sys.stdin:
    call = json.loads(line)
    try:
        Webhook(call["secret"]).verify(call["body"], call["headers"])
        print("ok", flush=True)
    except WebhookVerificationError as error:
        print(f"refused: {error}", flush=True)
