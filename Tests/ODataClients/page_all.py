"""Follows @odata.nextLink through fact_transaction and says rows, pages, seconds and the server's memory."""
import base64
import http.client
import json
import os
import time
from urllib.parse import urlsplit


def memory():
    with open(f"/proc/{os.environ['SERVER_PID']}/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


parts = urlsplit(os.environ["ODATA_URL"])
key = base64.b64encode(b"bi:" + os.environ["ODATA_TOKEN"].encode()).decode()
connection = http.client.HTTPConnection(parts.hostname, parts.port)
headers = {"Authorization": "Basic " + key, "Prefer": "odata.maxpagesize=10000"}
target = parts.path + "/fact_transaction"
rows = pages = size = 0
marks = []
start = time.monotonic()
while target:
    connection.request("GET", target, headers=headers)
    body = connection.getresponse().read()
    page = json.loads(body)
    rows += len(page["value"])
    pages += 1
    size += len(body)
    marks.append(memory())
    link = page.get("@odata.nextLink")
    target = link and link[link.index("/bi/"):]
print(json.dumps({
    "rows": rows, "pages": pages, "bytes": size, "seconds": round(time.monotonic() - start, 2),
    "memory_first_kb": max(marks[:10]), "memory_last_kb": marks[-1], "memory_most_kb": max(marks),
}))
