#!/usr/bin/env python3
"""Scores over HTTP: our desk beside Flask and a joblib XGBoost under gunicorn, in turns, as ratios of one run.

usage: serving.py URL KEY [SECONDS] [ROUNDS] [PIDS]
  URL and KEY of a server that scores (digitalbank serve --only fraud, digitalbank keys api), with a champion.
  PIDS, by commas: our server and its postmaster, where others run on this machine.
  Needs wrk, and a venv with flask, gunicorn, joblib, pandas, scikit-learn and xgboost: run it by that venv's python.

Flask's forms get their columns ready-made and keep nothing, and so does our `/predict`, with the columns of the champion.
Our `/score` reads and updates the features in PostgreSQL and keeps the decision. `requests per CPU second` counts the CPU of the servers only (gunicorn's workers; ours with PostgreSQL's).
"""
import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

COLUMNS = 15
APP = """
import joblib, numpy, pandas
from flask import Flask, request, jsonify
app = Flask(__name__)
model = joblib.load('model.joblib')
NAMES = [f'c{i}' for i in range(%d)]

@app.post('/frame')
def frame():
    row = pandas.DataFrame([request.get_json()], columns=NAMES)
    return jsonify(probability=float(model.predict_proba(row)[0, 1]))

@app.post('/numpy')
def array():
    body = request.get_json()
    row = numpy.array([[body[name] for name in NAMES]], dtype=numpy.float32)
    return jsonify(probability=float(model.predict_proba(row)[0, 1]))
""" % COLUMNS


def prepare(folder):
    import joblib
    import numpy
    import xgboost
    random = numpy.random.default_rng(1)
    rows = random.normal(size=(20_000, COLUMNS)).astype(numpy.float32)
    labels = (rows[:, 0] + rows[:, 1] * rows[:, 2] > 2).astype(int)
    model = xgboost.XGBClassifier(n_estimators=100, learning_rate=0.3, max_depth=6, n_jobs=1).fit(rows, labels)
    joblib.dump(model, folder + "/model.joblib")
    with open(folder + "/service.py", "w") as file:
        file.write(APP)
    body = "{" + ",".join(f'\\"c{i}\\":{rows[0, i]:.4f}' for i in range(COLUMNS)) + "}"
    with open(folder + "/flask.lua", "w") as file:
        file.write(f'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = "{body}"\n')
    with open(folder + "/score.lua", "w") as file:
        file.write("""
-- Numbers stay below 2^53, what Lua counts exactly.
local thread, count = 0, 0
function setup(t) t:set("number", thread) thread = thread + 1 end
function init(args) base = tonumber(args[1]) + number * 100000 end
function request()
    count = (count or 0) + 1
    local payment = base + count
    return wrk.format("POST", nil, { ["apikey"] = os.getenv("KEY"), ["Content-Type"] = "application/json" },
        string.format('{"payment":%d,"amount_minor":%d,"entities":{"customer":%d,"terminal":%d}}',
            payment, 500 + payment % 9973, payment % 5000, payment % 10000))
end
""")


def columns(url, key):
    """Names of the champion's columns, from the reasons of an empty row."""
    body = json.dumps({"columns": {}, "reasons": 20}).encode()
    request = urllib.request.Request(
        url + "/fraud/v1/predict", body, {"apikey": key, "Content-Type": "application/json"})
    return [reason["column"] for reason in json.load(urllib.request.urlopen(request))["reasons"]][:COLUMNS]


def write_predict(folder, names):
    body = json.dumps({"columns": {name: index + 0.25 for index, name in enumerate(names)}}).replace('"', '\\"')
    with open(folder + "/predict.lua", "w") as file:
        file.write('wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\n'
                   f'wrk.headers["apikey"] = os.getenv("KEY")\nwrk.body = "{body}"\n')


def family(pids):
    """The processes and all that they started."""
    children = {}
    for line in subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True).stdout.splitlines():
        pid, parent = map(int, line.split())
        children.setdefault(parent, []).append(pid)
    found, todo = [], list(pids)
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu(pids):
    ticks = 0
    for pid in pids:
        try:
            fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        except FileNotFoundError:
            pass
    return ticks / os.sysconf("SC_CLK_TCK")


def listed(pattern):
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True).stdout.split()
    return [int(pid) for pid in found if int(pid) != os.getpid()]


def wrk(url, script, seconds, *more):
    run = subprocess.run(
        ["wrk", "-t2", "-c8", f"-d{seconds}s", "-s", script, url, "--", *more], capture_output=True, text=True)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", run.stdout)
    total = re.search(r"(\d+) requests in", run.stdout)
    if "Non-2xx" in run.stdout or not rate:
        raise SystemExit(f"{url}: {run.stdout}{run.stderr}")
    return float(rate.group(1)), int(total.group(1))


def main():
    url, key = sys.argv[1].rstrip("/"), sys.argv[2]
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 5
    rounds = int(sys.argv[4]) if len(sys.argv) > 4 else 5
    given = [int(pid) for pid in sys.argv[5].split(",")] if len(sys.argv) > 5 else []
    os.environ["KEY"] = key
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder)
        write_predict(folder, columns(url, key))
        flask = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:8799", "service:app"], cwd=folder,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            for _ in range(100):
                try:
                    urllib.request.urlopen("http://127.0.0.1:8799/none")
                except urllib.error.HTTPError:
                    break
                except OSError:
                    time.sleep(0.2)
            sides = {"Flask, DataFrame": [], "Flask, numpy": [], "ours, /predict": [], "ours, /score": []}
            work = {name: [] for name in sides}
            for turn in range(rounds + 1):
                for name, target, script, pattern in [
                    ("Flask, DataFrame", "http://127.0.0.1:8799/frame", "flask.lua", True),
                    ("Flask, numpy", "http://127.0.0.1:8799/numpy", "flask.lua", True),
                    ("ours, /predict", url + "/fraud/v1/predict", "predict.lua", None),
                    ("ours, /score", url + "/fraud/v1/score", "score.lua", None),
                ]:
                    pids = family([flask.pid] if pattern else given or listed("digitalbank serve|bin/postgres"))
                    before = cpu(pids)
                    base = time.time_ns() // 1000 % 10**9 * 10**6
                    rate, count = wrk(target, f"{folder}/{script}", seconds, str(base))
                    spent = cpu(pids) - before
                    if turn:
                        sides[name].append(rate)
                        work[name].append(count / max(spent, 0.01))
            for name in sides:
                ratio = statistics.median(a / b for a, b in zip(sides["ours, /predict"], sides[name]))
                by_cpu = statistics.median(a / b for a, b in zip(work["ours, /predict"], work[name]))
                print(f"{name:18} {statistics.median(sides[name]):9.0f}/s  {statistics.median(work[name]):9.0f} per "
                      f"server CPU second  /predict by it: {ratio:.2f}, by CPU {by_cpu:.2f}")
        finally:
            flask.send_signal(signal.SIGTERM)
            flask.wait()


main()
