"""The same twelve cards as somebody would write them with Streamlit: the same function of the database, Plotly's pictures."""
import json, os
import plotly.graph_objects as go
import psycopg
import streamlit as st

st.set_page_config(layout="wide")
days = st.selectbox("Période", [90, 7, 30, 365])


@st.cache_data(ttl=60)
def read(days):
    with psycopg.connect(os.environ["BOARD_DSN"], autocommit=True) as connection:
        connection.execute("select set_config('request.jwt.claims', %s, false)", [os.environ["BOARD_CLAIMS"]])
        connection.execute("set role authenticated")
        return connection.execute("select console.tableau(%s)", [days]).fetchone()[0]


data = read(days)
if isinstance(data, str):
    data = json.loads(data)
by_day, by_type = data["by_day"], data["by_type"]
labels = [row[0] for row in by_day]
amounts, counts = [row[2] / 100 for row in by_day], [row[1] for row in by_day]
hours = [[0] * 24 for _ in range(7)]
for day, hour, count in data["by_hour"]:
    hours[day - 1][hour] = count
sums, total = [], 0
for amount in amounts:
    total += amount
    sums.append(total)
flows = data["flows"][:14]
ends = sorted({row[0] for row in flows} | {row[1] + " " for row in flows} | {row[2] + "  " for row in flows})
links = [(row[0], row[1] + " ", row[3]) for row in flows] + [(row[1] + " ", row[2] + "  ", row[3]) for row in flows]
figures = [
    go.Scatter(x=labels, y=amounts, fill="tozeroy"), go.Bar(x=labels, y=counts),
    go.Pie(labels=[row[0] for row in by_type], values=[row[2] for row in by_type], hole=.6),
    go.Scatter(x=labels, y=[a / max(c, 1) for a, c in zip(amounts, counts)]), go.Heatmap(z=hours),
    go.Bar(x=[row[0] for row in data["sizes"]], y=[row[1] for row in data["sizes"]]),
    go.Bar(x=list(range(1, 8)), y=[sum(row) for row in hours]),
    go.Bar(x=list(data["by_department"]), y=list(data["by_department"].values())),
    go.Bar(y=[row[0][:9] for row in data["top"]], x=[row[2] for row in data["top"]], orientation="h"),
    go.Bar(y=[row[0] for row in by_type], x=[row[1] for row in by_type], orientation="h"),
    go.Scatter(x=labels, y=sums, fill="tozeroy"),
    go.Sankey(node={"label": ends}, link={
        "source": [ends.index(a) for a, _, _ in links], "target": [ends.index(b) for _, b, _ in links],
        "value": [value for _, _, value in links]}),
]
columns = st.columns(2)
for place, figure in enumerate(figures):
    columns[place % 2].plotly_chart(go.Figure(figure, layout={"height": 280}), key=str(place))
