"""How long the dashboard takes: the server's time to answer, and what the browser's main thread spends on it, beside the same
figures in Streamlit (STREAMLIT_URL). Prints one line of JSON with the ratios."""
import json, os, statistics, sys, time
from playwright.sync_api import sync_playwright

BASE, PASSWORD = os.environ["CONSOLE_URL"], os.environ["CONSOLE_PASSWORD"]
OTHER = os.environ.get("STREAMLIT_URL")
ROUNDS = int(os.environ.get("ROUNDS", "40"))


def metrics(session):
    return {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}


def page_cpu(context, url, ready):
    """Seconds of the renderer's main thread, and seconds until the page is there."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    before = metrics(session)
    begin = time.monotonic()
    page.goto(url, wait_until="load")
    page.wait_for_function(ready, timeout=180_000)
    shown = time.monotonic() - begin
    page.wait_for_timeout(500)
    after = metrics(session)
    page.close()
    return after["TaskDuration"] - before["TaskDuration"], shown


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"])
        context = browser.new_context(base_url=BASE, viewport={"width": 1280, "height": 860})
        page = context.new_page()
        page.goto("/connexion")
        page.fill("#email", "anna@example.com")
        page.fill("#password", PASSWORD)
        page.click("button.full")
        page.wait_for_selector("#cases")
        page.close()

        # The first answer to each filter reads the database; the others have figures that are a minute old at most.
        cold, warm = [], []
        filters = [f"jours={days}&type={kind}" for days in (7, 30, 90, 365) for kind in ("", "carte", "virement")]
        for query in filters:
            begin = time.perf_counter()
            answer = context.request.get("/tableaux?" + query.replace("&type=", "") if query.endswith("=")
                                         else "/tableaux?" + query)
            cold.append(time.perf_counter() - begin)
            assert answer.ok, (query, answer.status, answer.text()[:200])
            # Twelve pictures, or the page that says that nothing was found.
            assert answer.text().count('role="img"') >= 12 or '<section class="empty">' in answer.text(), query
        for turn in range(ROUNDS):
            query = filters[turn % len(filters)]
            query = query.replace("&type=", "") if query.endswith("=") else query
            begin = time.perf_counter()
            assert context.request.get("/tableaux?" + query).ok
            warm.append(time.perf_counter() - begin)
        ours, shown, theirs, theirs_shown = [], [], [], []
        for _ in range(5):
            cpu, seconds = page_cpu(
                context, BASE + "/tableaux?jours=90", "document.querySelectorAll('.board > section').length === 12")
            ours.append(cpu)
            shown.append(seconds)
            if OTHER:
                cpu, seconds = page_cpu(
                    context, OTHER, "document.querySelectorAll('.js-plotly-plot .main-svg').length >= 12"
                    " && !document.querySelector('[data-testid=stStatusWidget]')")
                theirs.append(cpu)
                theirs_shown.append(seconds)
        browser.close()
    result = {
        "cold_ms": [round(value * 1000) for value in cold], "warm_p50_ms": round(quantile(warm, .5) * 1000),
        "warm_p95_ms": round(quantile(warm, .95) * 1000), "main_thread_s": round(statistics.median(ours), 3),
        "shown_s": round(statistics.median(shown), 2),
    }
    if theirs:
        result |= {
            "streamlit_main_thread_s": round(statistics.median(theirs), 3),
            "streamlit_shown_s": round(statistics.median(theirs_shown), 2),
            "main_thread_ratio": round(statistics.median(theirs) / max(statistics.median(ours), 1e-6), 1),
            "shown_ratio": round(statistics.median(theirs_shown) / statistics.median(shown), 1),
        }
    print(json.dumps(result))
    return 0


sys.exit(main())
