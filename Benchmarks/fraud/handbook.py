#!/usr/bin/env python3
"""The handbook's fifteen columns under XGBoost from Python, with its own metrics: the table beside ours.

usage: handbook.py FOLDER [--columns handbook]   (needs numpy, pandas, scikit-learn and xgboost in a venv)
"""
import sys

import numpy as np
import pandas as pd
import xgboost
from sklearn.metrics import average_precision_score, roc_auc_score

WEEKS = ["2018-08-08", "2018-08-15", "2018-08-22"]
DELAY = 7


def columns(data):
    data = data.copy()
    data["weekend"] = (data.TX_DATETIME.dt.weekday >= 5).astype(int)
    data["night"] = (data.TX_DATETIME.dt.hour <= 6).astype(int)
    used = ["TX_AMOUNT", "weekend", "night"]

    def rolling(group, value, days):
        return group.rolling(f"{days}D", on="TX_DATETIME")[value]

    parts = []
    for _, group in data.groupby("CUSTOMER_ID"):
        group = group.sort_values("TX_DATETIME", kind="stable")
        for days in (1, 7, 30):
            window = rolling(group, "TX_AMOUNT", days)
            group[f"c_count_{days}"] = window.count().values
            group[f"c_mean_{days}"] = (window.sum() / window.count()).values
        parts.append(group)
    data = pd.concat(parts)
    parts = []
    for _, group in data.groupby("TERMINAL_ID"):
        group = group.sort_values("TX_DATETIME", kind="stable")
        frauds = rolling(group, "TX_FRAUD", DELAY).sum().values
        count = rolling(group, "TX_FRAUD", DELAY).count().values
        for days in (1, 7, 30):
            known = rolling(group, "TX_FRAUD", DELAY + days)
            seen = known.count().values - count
            group[f"t_count_{days}"] = seen
            group[f"t_risk_{days}"] = np.divide(
                known.sum().values - frauds, seen, out=np.zeros(len(group)), where=seen > 0)
        parts.append(group)
    for entity, names in (("c", ("count", "mean")), ("t", ("count", "risk"))):
        used += [f"{entity}_{name}_{days}" for days in (1, 7, 30) for name in names]
    return pd.concat(parts).sort_values("TRANSACTION_ID"), used


def sets(data, test, train_days):
    start = test - pd.Timedelta(days=DELAY + train_days)
    train = data[(data.TX_DATETIME >= start) & (data.TX_DATETIME < start + pd.Timedelta(days=train_days))]
    known_from = test - pd.Timedelta(days=14)
    day = data.TX_DATETIME.dt.floor("D")
    fraud = data[data.TX_FRAUD == 1]
    fraud_day = fraud.TX_DATETIME.dt.floor("D")
    parts = []
    for offset in range(7):
        last = known_from + pd.Timedelta(days=7 + offset - 1)
        known = fraud[(fraud_day >= known_from) & (fraud_day <= last)].CUSTOMER_ID.unique()
        rows = data[day == test + pd.Timedelta(days=offset)]
        parts.append(rows[~rows.CUSTOMER_ID.isin(known)])
    return train, pd.concat(parts)


def card_precision(test, scores, top=100):
    test = test.assign(score=scores, day=test.TX_DATETIME.dt.floor("D"))
    found, values = set(), []
    for _, rows in test.groupby("day"):
        rows = rows[~rows.CUSTOMER_ID.isin(found)]
        best = rows.groupby("CUSTOMER_ID")[["score", "TX_FRAUD"]].max().sort_values("score", ascending=False).head(top)
        hits = best[best.TX_FRAUD == 1].index
        values.append(len(hits) / top)
        found |= set(hits)
    return float(np.mean(values))


def main():
    data = pd.read_csv(sys.argv[1] + "/transactions.csv.gz", parse_dates=["TX_DATETIME"])
    data, used = columns(data)
    for name, days, settings in [
        ("defaults, 7 days", 7, {"n_estimators": 100, "learning_rate": 0.3, "max_depth": 6}),
        ("50/0.3/3 exact, base 0.5, 7 days", 7,
         {"n_estimators": 50, "learning_rate": 0.3, "max_depth": 3, "tree_method": "exact", "base_score": 0.5}),
        ("100/0.1/3 exact, base 0.5, 7 days", 7,
         {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 3, "tree_method": "exact", "base_score": 0.5}),
        ("100/0.1/3 exact, base 0.5, 28 days", 28,
         {"n_estimators": 100, "learning_rate": 0.1, "max_depth": 3, "tree_method": "exact", "base_score": 0.5}),
    ]:
        results = []
        for week in WEEKS:
            train, test = sets(data, pd.Timestamp(week), days)
            model = xgboost.XGBClassifier(random_state=42, n_jobs=2, **settings).fit(train[used], train.TX_FRAUD)
            scores = model.predict_proba(test[used])[:, 1]
            results.append([
                roc_auc_score(test.TX_FRAUD, scores), average_precision_score(test.TX_FRAUD, scores),
                card_precision(test, scores), len(test)])
        mean = np.mean(np.array(results)[:, :3], axis=0)
        weeks = " ".join(f"{row[1]:.4f}" for row in results)
        print(f"XGBoost {xgboost.__version__} {name}: AUC {mean[0]:.4f} AP {mean[1]:.4f} CP@100 {mean[2]:.4f}"
              f"  AP by week {weeks}  rows {[int(row[3]) for row in results]}", flush=True)


main()
