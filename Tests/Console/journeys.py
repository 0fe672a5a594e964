"""The console as people use it: each role's way from sign-in to what they came for, then every page in both themes, both
languages, on a desktop and on a phone. Prints what was done; ends with 1 when something was not as it must be."""
import json, os, pathlib, re, sys, time, traceback
from playwright.sync_api import sync_playwright
from watch import DESKTOP, PHONE, Watch, totp

BASE = os.environ["CONSOLE_URL"]
PASSWORD = os.environ["CONSOLE_PASSWORD"]
CASE = os.environ["CONSOLE_CASE"]
SHOTS = os.environ.get("CONSOLE_SHOTS")
GROUPS = json.loads((pathlib.Path(__file__).parents[2] / "Sources/Console/Words/fr.json").read_text())
MISSING = re.compile(rf">(?:{'|'.join(GROUPS)})\.[a-z0-9_]+<")
watch = Watch(BASE)
expect = watch.expect


def sign_in(page, email, password=PASSWORD):
    page.goto("/connexion")
    page.fill("#email", email)
    page.fill("#password", password)
    page.click("button.full")


def enrol(page):
    """Turns on the second factor with the code of the step before; the next two steps are left."""
    page.goto("/securite")
    page.click("form[action='/securite/facteur'] button")
    secret = page.text_content("#secret")
    page.fill("#code", totp(secret, -1))
    page.click("form[action='/securite/facteur/valider'] button")
    page.wait_for_selector(".note.positive")
    return secret


def client(browser):
    other = watch.context(browser)
    page = other.new_page()
    sign_in(page, "bruno@example.com")
    page.goto(page.get_attribute(".accounts a", "href"))
    iban = page.text_content(".head .mono").split("·")[0].replace("\u00a0", "").strip()
    expect(re.fullmatch(r"FR\d{2}[0-9A-Z]{23}", iban), f"the payee's IBAN: {iban}")
    other.close()

    context = watch.context(browser)
    page = context.new_page()
    page.goto("/virements")
    expect("suite=%2Fvirements" in page.url, "who is not signed in is led to the sign-in, and back afterwards")
    sign_in(page, "ada@example.com", "faux")
    expect("pas correct" in page.text_content("[role=alert]"), "a wrong password is told")
    sign_in(page, "ada@example.com")
    page.wait_for_selector(".accounts")
    expect(page.locator("h1").text_content() == "Vos comptes", "the client's home")
    money = page.text_content(".account .amount")
    expect(re.fullmatch(r"-?\d{1,3}(\u202f\d{3})*,\d{2}\u00a0€", money), f"French amounts to the code point: {money!r}")
    secret = enrol(page)

    # Out and in again: password, then the code.
    page.click("details.menu summary")
    page.click("form[action='/deconnexion'] button")
    page.wait_for_url("**/connexion**")
    sign_in(page, "ada@example.com")
    page.wait_for_url("**/connexion/code**")
    page.goto("/virements")
    expect("/connexion/code" in page.url, "without the code no page is shown")
    page.fill("#code", "000000")
    page.click("button.full")
    page.wait_for_selector("[role=alert]")
    page.fill("#code", totp(secret))
    page.click("button.full")
    page.wait_for_selector(".accounts")

    # Statement: search, filters in the address, export.
    account = page.get_attribute(".accounts a", "href")
    page.goto(account)
    rows = page.locator("#moves tbody tr").count()
    expect(rows > 0, "the statement has operations")
    digits = re.sub(r"\D", "", page.locator("#moves tbody td.num").first.evaluate("e => e.firstChild.textContent"))
    page.keyboard.press("/")
    expect(page.evaluate("document.activeElement.type") == "search", "/ leads to the search")
    page.fill("#q", digits)
    page.click(".filters .button")
    page.wait_for_url("**q=**")
    found = page.locator("#moves tbody tr").all_text_contents()
    expect(found and all(digits in re.sub(r"\D", "", text) for text in found), "the search finds what was asked for")
    page.locator("#moves td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    expect(page.evaluate("document.activeElement.cellIndex") == 1, "arrows move in the table")
    csv = context.request.get(f"{account}/export?format=csv")
    expect(csv.ok and "text/csv" in csv.headers["content-type"], "the statement as CSV")
    pdf = context.request.get(f"{account}/export?format=pdf")
    expect(pdf.body()[:5] == b"%PDF-", "the statement as PDF")
    expect(context.request.get(f"{account}?x=1", headers={"accept": "text/html"}).status == 400, "an unknown filter")
    expect(context.request.get(f"{account}?du=2026-02-31", headers={"accept": "text/html"}).status == 400, "no date")
    expect(context.request.get("/comptes/999999", headers={"accept": "text/html"}).status == 404, "another's account")
    expect(context.request.get("/fraude", headers={"accept": "text/html"}).status == 403, "another role's page")

    # A form from elsewhere, and one without the session's key.
    for headers in ({"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-origin"}):
        foreign = context.request.post("/cartes/1/bloquer", form={"reason": "lost"}, headers=headers)
        expect(foreign.status == 403, "a foreign form is refused")

    # A transfer above the limit: the name is checked, the code is asked for, once.
    page.goto(account)
    before = page.text_content("#balance-now strong")
    live = context.new_page()
    live.goto("/")
    live.wait_for_selector("#live[data-state=listening]")
    shown = live.text_content(".account .amount")
    page.goto("/virements")
    page.fill("#name", "Quelqu'un d'Autre")
    page.fill("#iban", iban)
    page.fill("#amount", "1,2,3")
    page.fill("#reason", "Loyer")
    page.click("button.full")
    page.wait_for_selector("[role=alert]")
    page.fill("#amount", "510,00")
    page.click("button.full")
    page.wait_for_selector("#v-title")
    expect(page.locator(".note").count() >= 1, "the payee's name was checked")
    expect("510,00" in page.text_content(".big"), "the amount is shown again")
    expect(page.locator("#code").count() == 1, "the second factor is asked for")
    if SHOTS:
        shot(page, "client-verification")
    page.fill("#code", totp(secret, 1))
    page.click("button.full")
    page.wait_for_selector("#t-title")
    expect("510,00" in page.text_content(".big"), "the receipt")
    live.bring_to_front()
    live.wait_for_function("was => document.querySelector('.account .amount').textContent !== was", arg=shown)
    watch.checks += 1
    live.click("#pause")
    expect(live.get_attribute("#pause", "aria-pressed") == "true", "live updates pause")
    live.close()
    page.goto(account)
    expect(page.text_content("#balance-now strong") != before, "the balance moved")

    # A card: blocked for a time, and back.
    page.goto("/cartes")
    if page.locator("form[action$='/bloquer']").count():
        page.locator("summary").filter(has_text="Bloquer").first.click()
        page.locator("form[action$='/bloquer'] button").first.click()
        page.wait_for_url("**fait=carte_bloquee")
        page.wait_for_selector("form[action$='/debloquer']")
        page.locator("form[action$='/debloquer'] button").first.click()
        page.wait_for_url("**fait=carte_debloquee")

    data = context.request.get("/droits/donnees")
    expect(data.ok and data.json()["statements"][0]["entries"] is not None, "one's own data as a file")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/cartes")
    page.keyboard.press("?")
    page.wait_for_url("**/aide")
    pages = ["/", account, account + "?q=zzzzzz", "/virements", "/cartes", "/securite", "/droits", "/aide",
             "/accessibilite", "/rien"]
    walk(browser, context, "client", pages)


def analyst(browser):
    context = watch.context(browser)
    page = context.new_page()
    sign_in(page, "anna@example.com")
    page.wait_for_selector("#cases tbody tr")
    page.click(f"a[href='/fraude/{CASE}']")
    page.wait_for_url(f"**/fraude/{CASE}")
    expect(page.locator("#reasons-t, #score-t").count() >= 1 or page.locator("tbody tr").count() >= 1, "the case")
    page.click("form[action$='/prendre'] button")
    page.fill("#note", "Cliente appelée : elle ne connaît pas ce paiement.")
    page.click("form[action$='/note'] button")
    expect("elle ne connaît pas" in page.text_content(".timeline"), "the note is kept")
    walk(browser, context, "analyst", [f"/fraude/{CASE}"])
    page.check("input[value=oui]")
    page.fill("#reason", "Paiement nié par la cliente.")
    page.click("form[action$='/decision'] button")
    page.wait_for_selector(".note.positive")
    expect("fait=tranche" in page.url or "fait=propose" in page.url, "the case is decided")

    page.goto("/tableaux")
    expect(page.locator(".board svg[role=img]").count() >= 8, "the board's cards")
    page.select_option("#jours", "90")
    page.wait_for_url("**jours=90**")
    csv = context.request.get("/tableaux/export/top?jours=90&format=csv")
    expect(csv.ok and csv.text().startswith("\ufeff") and "jours=90" in csv.text(), "a card as CSV, with its filters")
    for odd in ("jours=31", "jours=1%27", "type=%27or%201", "x=1", "jours=99999999999999999999"):
        answer = context.request.get(f"/tableaux?{odd}", headers={"accept": "text/html"})
        expect(answer.status == 400, f"{odd} is refused")
    page.locator(".board svg.wide[data-hover]").first.hover()
    page.wait_for_selector(".tip:not([hidden])")
    expect(context.request.get("/utilisateurs", headers={"accept": "text/html"}).status == 403, "an admin's page")
    walk(browser, context, "analyst", ["/", "/incidents", "/tableaux", "/modeles"])


def admin(browser):
    context = watch.context(browser)
    page = context.new_page()
    sign_in(page, "alix@example.com")
    page.wait_for_selector("#checks")
    expect(page.locator("#checks li").count() >= 4, "the bank's checks")

    # A reveal wants the second factor: first there is none, then it is shown for a while.
    page.goto("/revelations")
    page.fill("#client", "1")
    page.select_option("#field", "last_name")
    page.fill("#reason", "Rappel du client au sujet du dossier 4711")
    page.click(".form button.danger")
    page.wait_for_url("**/securite?facteur=1")
    enrol(page)
    page.goto("/revelations")
    page.fill("#client", "1")
    page.select_option("#field", "last_name")
    page.fill("#reason", "Rappel du client au sujet du dossier 4711")
    page.click(".form button.danger")
    expect(len(page.text_content(".reveal .big").strip()) > 1, "the datum is shown")
    page.goto("/journal")
    expect(page.locator("tbody tr").count() > 0, "the journal has entries")
    page.goto("/utilisateurs?q=ada")
    expect(page.locator("tbody tr").count() == 1, "one account is found")
    walk(browser, context, "admin", ["/", "/reprise", "/utilisateurs", "/revelations", "/journal"])


def shot(page, name):
    page.screenshot(path=f"{SHOTS}/{name}.png", full_page=page.viewport_size["width"] > 500)


def walk(browser, context, role, pages):
    """Each page as desktop in both themes and as phone: French by day, English by night."""
    cookies = context.cookies()
    forms = [("clair", DESKTOP, False, "fr"), ("sombre", DESKTOP, True, "en"), ("telephone", PHONE, False, "fr")]
    for form, size, dark, language in forms:
        other = [cookie for cookie in cookies if cookie["name"] not in ("lang", "theme")]
        at = {"url": BASE}
        other += [{"name": "lang", "value": language, **at}, {"name": "theme", "value": "dark" if dark else "light", **at}]
        window = watch.context(browser, size, dark, other)
        page = window.new_page()
        for path in pages:
            page.goto(path)
            expect(page.get_attribute("html", "lang") == language, f"{path} is in {language}")
            expect(not MISSING.search(page.inner_html("main")), f"{path} has every word")
            watch.axe(page, f"{role} {path}")
            if SHOTS:
                name = re.sub(r"\W+", "-", path.split("?")[0]).strip("-") or "accueil"
                shot(page, f"{role}-{name}-{form}")
        window.close()


def doors(browser):
    for size, dark in ((DESKTOP, False), (DESKTOP, True), (PHONE, False)):
        context = watch.context(browser, size, dark)
        page = context.new_page()
        answer = page.goto("/connexion")
        watch.axe(page, "/connexion")
        policy = answer.headers["content-security-policy"]
        expect("unsafe" not in policy and "default-src 'none'" in policy, "the policy is strict")
        if SHOTS:
            shot(page, f"connexion-{'sombre' if dark else 'telephone' if size is PHONE else 'clair'}")
        context.close()
    context = watch.context(browser)
    page = context.new_page()
    client = context.new_cdp_session(page)
    client.send("Network.enable")
    total = []
    client.on("Network.loadingFinished", lambda event: total.append(event["encodedDataLength"]))
    page.goto("/connexion", wait_until="networkidle")
    expect(sum(total) < 100_000, f"the first page takes {sum(total):.0f} bytes")
    print(f"first page: {sum(total):.0f} bytes on the wire")
    cookies = [cookie for cookie in context.cookies() if cookie["name"].endswith("session")]
    expect(not cookies, "no session before the sign-in")
    context.close()


def main():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage"])
        for journey in [each for each in (doors, client, analyst, admin) if len(sys.argv) < 2 or each.__name__ in sys.argv]:
            start = time.time()
            try:
                journey(browser)
            except Exception as error:
                watch.faults.append(f"{journey.__name__}: {error}\n{traceback.format_exc(limit=3)}")
            print(f"{journey.__name__}: {time.time() - start:.1f} s")
        browser.close()
    for fault in watch.faults:
        print("FAULT", fault)
    print(f"{watch.checks} checks, {watch.axed} axe runs on {len(watch.pages)} pages, {len(watch.faults)} faults")
    return 1 if watch.faults else 0


sys.exit(main())
