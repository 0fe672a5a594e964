"""The console as people use it: each role's way from sign-in to what they came for, then every page in both themes, both
languages, on a desktop and on a phone. Prints what was done; ends with 1 when something was not as it must be."""
import datetime, html, json, os, pathlib, re, sys, time, traceback
from urllib.parse import urlsplit
from playwright.sync_api import sync_playwright
from provider import Provider
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
    # What is taken along is what is shown.
    for format in ("csv", "xlsx", "pdf"):
        link = page.locator(f".exports a[href*='format={format}']").get_attribute("href")
        expect(f"q={digits}" in link, f"the filter is in {link}")
        file = context.request.get(link)
        expect(file.ok, f"the search as {format}: {file.status}")
        if format == "csv":
            lines = [line for line in file.text().splitlines()[1:] if line and not line.startswith("#")]
            expect(len(lines) == len(found), f"{len(lines)} lines of {len(found)} rows")
    csv = context.request.get(f"{account}/export?format=csv")
    expect(csv.ok and "text/csv" in csv.headers["content-type"], "the statement as CSV")
    pdf = context.request.get(f"{account}/export?format=pdf")
    expect(pdf.body()[:5] == b"%PDF-", "the statement as PDF")
    expect(context.request.get(f"{account}?x=1", headers={"accept": "text/html"}).status == 400, "an unknown filter")
    expect(context.request.get(f"{account}?sens=x", headers={"accept": "text/html"}).status == 400, "no direction")
    for path in ("/", "/virements", "/cartes", "/alertes", "/securite", "/droits", "/permanents", "/aide"):
        odd = context.request.get(path + "?inconnu=1", headers={"accept": "text/html"})
        expect(odd.status == 400, f"an unknown parameter of {path}: {odd.status}")
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
    page.locator("summary").filter(has_text="Bloquer").first.click()
    page.locator("form[action$='/bloquer'] button").first.click()
    page.wait_for_url("**fait=carte_bloquee")
    page.wait_for_selector("form[action$='/debloquer']")
    page.locator("form[action$='/debloquer'] button").first.click()
    page.wait_for_url("**fait=carte_debloquee")

    alerts(page)
    standing_orders(page, iban)
    expenses(page, context)
    rights(page)
    book = context.request.get(f"{account}/export?format=xlsx")
    expect(book.ok and book.body()[:2] == b"PK", "the statement as a workbook")
    expect(context.request.get("/exporter/utilisateurs", headers={"accept": "text/html"}).status == 403, "another's table")

    data = context.request.get("/droits/donnees")
    expect(data.ok and data.json()["statements"][0]["entries"] is not None, "one's own data as a file")
    page.goto("/")
    page.keyboard.press("g")
    page.keyboard.press("c")
    page.wait_for_url("**/cartes")
    page.keyboard.press("?")
    page.wait_for_url("**/aide")
    pages = ["/", account, account + "?q=zzzzzz", "/virements", "/permanents", "/depenses", "/cartes", "/alertes", "/securite",
             "/droits", "/aide", "/accessibilite", "/rien"]
    walk(browser, context, "client", pages)


def alerts(page):
    """A payment that the bank held: it was not the client's."""
    page.goto("/")
    page.click(".note.warning a[href='/alertes']")
    page.wait_for_url("**/alertes")
    card = page.locator("main .card").first
    expect("482,50" in card.locator("h2").text_content(), "the payment's amount")
    card.locator("button[value=not_mine]").click()
    page.wait_for_url("**fait=alerte_niee")
    expect(page.locator("main .card").first.locator(".tag.negative").count() == 1, "the answer is kept")
    expect(page.locator("main .card").first.locator("button").count() == 1, "it can be taken back")


def provider(browser):
    """Signing in elsewhere: there and back, with a proof key that only this browser has."""
    port = int(os.environ["CONSOLE_OIDC_PORT"])
    there = Provider(port, "bruno@example.com")
    watch.others.add(f"127.0.0.1:{port}")
    context = watch.context(browser)
    page = context.new_page()
    page.goto("/depenses")
    page.click("a[href^='/connexion/fournisseur']")
    page.wait_for_url("**/depenses")
    expect(page.locator("h1").count() == 1 and there.forms[0]["grant_type"] == "authorization_code", "signed in")
    cookies = {cookie["name"]: cookie for cookie in context.cookies()}
    expect(cookies["session"]["sameSite"] == "Strict" and cookies["session"]["httpOnly"], "the session's cookie")
    page.goto("/connexion/retour?code=00000000-0000-4000-8000-000000000000")
    expect("/connexion" in page.url or page.locator("h1").count() == 1, "a code of nobody's leads nowhere")
    stranger = watch.context(browser)
    other = stranger.new_page()
    other.goto("/connexion/retour?code=00000000-0000-4000-8000-000000000000")
    expect("trop ancienne" in other.text_content("[role=alert]"), "a code without the proof key is refused")
    odd = stranger.request.get("/connexion/fournisseur?nom=rien", headers={"accept": "text/html"})
    expect(odd.status == 404, "no such provider")
    stranger.close()
    context.close()


def standing_orders(page, iban):
    """Made with the second factor that the session has, paused, resumed, stopped."""
    page.goto("/permanents")
    page.fill("#name", "Bruno")
    page.fill("#iban", iban)
    page.fill("#amount", "25,00")
    page.fill("#reason", "Argent de poche")
    page.fill("#first_on", "2020-01-01")
    page.evaluate("document.querySelector('#first_on').removeAttribute('min')")
    page.click("button.full")
    page.wait_for_selector("[role=alert]")
    page.fill("#first_on", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 3 * 86400)))
    page.click("button.full")
    page.wait_for_url("**fait=permanent_cree")
    order = page.locator("li.tall").filter(has_text="Argent de poche")
    expect("25,00" in order.first.text_content(), "the standing order is listed")
    order.locator("form[action$='/suspendre'] button").click()
    page.wait_for_url("**fait=permanent_suspendu")
    order.locator("form[action$='/reprendre'] button").click()
    page.wait_for_url("**fait=permanent_repris")
    if not SHOTS:
        order.locator("form[action$='/arreter'] button").click()
        page.wait_for_url("**fait=permanent")
        expect(order.locator("form[action$='/arreter']").count() == 0, "the standing order is stopped")


def expenses(page, context):
    """A category is chosen, kept, and given back to the bank's rules; the table leaves as a workbook."""
    page.goto("/depenses?mois=2026-10")
    expect(page.locator("#categories-t, #categories-wide-t").count() > 0, "expenses by category")
    first = page.locator("select[id^='c-']").first
    was = first.input_value()
    first.select_option("loisirs" if was != "loisirs" else "achats")
    page.wait_for_url("**fait=categorie")
    expect(page.locator(".pick .tag").count() == 1, "the choice is marked as the client's own")
    page.locator(".pick:has(.tag) select").select_option("")
    page.wait_for_function("!document.querySelector('.pick .tag')")
    book = context.request.get("/exporter/depenses?mois=2026-10&format=xlsx")
    expect(book.ok and book.body()[:2] == b"PK", "expenses as a workbook")
    for odd in ("mois=2026-13", "mois=x", "x=1"):
        expect(context.request.get(f"/depenses?{odd}", headers={"accept": "text/html"}).status == 400, f"{odd} is refused")


def rights(page):
    page.goto("/droits")
    page.locator("form[action='/droits/consentement'] button").first.click()
    page.wait_for_url("**fait=consentement")
    expect(page.locator("form[action='/droits/consentement'] input[value=non]").count() == 1, "the consent is given")
    page.select_option("#r-field", "email")
    page.fill("#r-value", "pas une adresse")
    page.fill("#r-reason", "Faute de frappe")
    page.locator("form[action='/droits/rectification'] button").click()
    page.wait_for_selector("[role=alert]")
    page.select_option("#r-field", "telephone")
    page.fill("#r-value", "0612345678")
    page.locator("form[action='/droits/rectification'] button").click()
    page.wait_for_url("**fait=rectifie")
    page.select_option("#o-purpose", "marketing")
    page.locator("form[action='/droits/opposition'] button").click()
    page.wait_for_url("**fait=opposition")
    expect(page.locator("tbody tr").count() >= 2, "the register of one's requests")
    expect(page.locator("form[action='/droits/effacement'] button").is_disabled(), "erasure wants its word typed")


def analyst(browser):
    context = watch.context(browser)
    page = context.new_page()
    sign_in(page, "anna@example.com")
    page.wait_for_selector("#cases tbody tr")
    page.click(f"a[href='/fraude/{CASE}']")
    page.wait_for_url(f"**/fraude/{CASE}")
    expect(page.locator("svg[role=img]").count() >= 1, "whom the account deals with")
    expect(re.match(r"C[0-9a-f]{16}$", page.locator(".head .mono").first.text_content()), "the client's pseudonym")
    expect("482,50" in page.text_content("main"), "the case's payment")
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

    for path in ("/fraude?vue=toutes", "/fraude?x=1", "/incidents?x=1", "/exporter/dossiers?x=1", "/vues?x=1"):
        odd = context.request.get(path, headers={"accept": "text/html"})
        expect(odd.status == 400, f"{path}: {odd.status}")
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
    for format, mark in (("xlsx", b"PK"), ("pdf", b"%PDF"), ("png", b"\x89PNG"), ("svg", b"<svg")):
        file = context.request.get(f"/tableaux/export/amounts?jours=90&format={format}")
        expect(file.ok and file.body().startswith(mark), f"a card as {format}: {file.status}")
    expect(page.locator(".board > section").count() == 12, "twelve cards")
    behind(page, context)
    chosen(page, context)
    updated(page)
    page.goto("/tableaux?jours=90")

    # A view: named, found again, one's own.
    page.locator(".views summary").click()
    page.fill("#view-name", "Trimestre")
    page.locator("form[action='/vues'] button").click()
    page.wait_for_url("**fait=vue")
    expect(page.locator(".chips a", has_text="Trimestre").count() == 1, "the view is offered")
    page.goto("/vues")
    page.click("text=Trimestre")
    page.wait_for_url("**jours=90")

    # An incident: acknowledged.
    page.goto("/incidents")
    page.locator("#incidents tbody a").first.click()
    page.wait_for_url(re.compile("/incidents/"))
    expect(page.locator(".timeline li").count() > 0, "the incident's timeline")
    expect(page.locator("form[action$='/reponse']").count() == 0, "an analyst shuts nobody out")
    page.locator("form[action$='/prendre'] button").click()
    page.wait_for_url("**fait=incident_pris")
    incident = urlsplit(page.url).path

    # Monitoring boards and automations.
    page.goto("/supervision")
    page.wait_for_url("**/supervision/digitalbank-slo")
    page.click("text=API")
    page.wait_for_url("**/supervision/digitalbank-api**")
    expect(page.locator(".panels > section").count() >= 20, "the panels of the Grafana file")
    if os.environ.get("CONSOLE_PROMETHEUS"):
        page.goto("/supervision/digitalbank-api?duree=1h")
        expect(page.locator(".panels svg.chart").count() >= 5, "panels are drawn")
    else:
        expect(page.locator(".note.warning").count() == 1, "without Prometheus the page says so")
    for format, mark in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
        panel = context.request.get(f"/supervision/digitalbank-api/export/1?format={format}", headers={"accept": "text/html"})
        if os.environ.get("CONSOLE_PROMETHEUS"):
            expect(panel.ok and panel.body().startswith(mark), f"a panel as {format}: {panel.status}")
        else:
            expect(panel.status == 503, f"a panel without Prometheus: {panel.status}")
    for odd, status in (("export/999", 404), ("export/1?duree=2h", 400), ("export/1?x=1", 400)):
        answer = context.request.get(f"/supervision/digitalbank-api/{odd}", headers={"accept": "text/html"})
        expect(answer.status == status, f"{odd}: {answer.status}")
    expect(context.request.get("/supervision/rien", headers={"accept": "text/html"}).status == 404, "no such board")
    page.goto("/automatisations")
    expect(page.locator("main .lines li").count() >= 4, "the scenarios")
    for odd in ("etat=rien", "scenario=..%2F..", "avant=-1", "x=1"):
        answer = context.request.get(f"/automatisations?{odd}", headers={"accept": "text/html"})
        expect(answer.status == 400, f"{odd} is refused")
    walk(browser, context, "analyst", ["/", "/incidents", incident, "/tableaux?jours=90", "/tableaux/lignes?type=carte", "/vues", "/modeles",
                                       "/supervision/digitalbank-api?duree=1h", "/automatisations",
                                       "/automatisations/scenarios/fraud-alert"])


def behind(page, context):
    """The operations behind a figure: by click, by keys and from the table, with the filters, page by page and as a file."""
    page.goto("/tableaux?jours=90")
    page.click("#all-rows")
    page.wait_for_url("**/tableaux/lignes?**")
    # The figures are read once a minute; the bank may just have been started.
    for _ in range(60):
        if page.locator("#operations tbody tr").count():
            break
        page.wait_for_timeout(2000)
        page.reload()
    expect(page.locator("#operations tbody tr").count() == 50, "a page of operations")
    first = page.locator("#operations tbody tr").first.text_content()
    page.click(".pager a[rel=next]")
    page.wait_for_url("**avant=**")
    expect(page.locator("#operations tbody tr").first.text_content() != first, "the next page")
    page.goto("/tableaux?jours=90")
    picture = page.locator("figure[data-first] svg.wide[data-hover]").first
    picture.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    page.wait_for_url("**/tableaux/lignes?**")
    days = dict(part.split("=") for part in urlsplit(page.url).query.split("&"))
    expect(days["du"] == days["au"], f"Enter leads to the day under the crosshair: {days}")
    expect(page.locator("#operations tbody tr").count() > 0, "the newest day has operations")
    page.goto("/tableaux?jours=90")
    page.locator("figure[data-figure=counts] svg.wide rect[data-at]").first.click()
    page.wait_for_url("**type=**")
    expect("lignes" in page.url and page.locator("#asked .tag").count() == 2, "a bar leads to its kind")
    page.goto("/tableaux?jours=90")
    page.locator("figure[data-figure=hours] summary").focus()
    page.keyboard.press("Enter")
    page.locator("figure[data-figure=hours] table.twin tbody td a").nth(14).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**heure=14**")
    times = [text.split(" à ")[1] for text in page.locator("#operations tbody td:first-child").all_text_contents()]
    expect("semaine=1" in page.url and all(time.startswith("14:") for time in times), f"a cell leads to its hour: {times[:5]}")
    page.goto("/tableaux?jours=90")
    page.locator("figure[data-figure=top] svg.wide rect[data-at]").first.click()
    page.wait_for_url("**compte=K**")
    account = page.url.split("compte=")[1]
    shown = page.locator("#operations tbody td:nth-child(3)").all_text_contents()
    expect(shown and all(text.startswith(account) for text in shown), "a bar leads to its account")
    query = urlsplit(page.url).query
    csv = context.request.get(f"/exporter/operations?{query}&format=csv")
    expect(csv.ok and account in csv.text() and not re.search(r"FR\d{2}[0-9A-Z ]{10}|@", csv.text()), "a file under pseudonyms")
    expect(context.request.get(f"/exporter/operations?{query}&format=xlsx").body()[:2] == b"PK", "the same as a workbook")
    for odd in ("du=x&au=2026-01-01", "du=2026-02-02&au=2026-02-01", "taille=9", "heure=24", "semaine=0", "compte=..%2F", "x=1",
                "avant=1", "type=%27", "du=2000-01-01&au=2026-01-01"):
        answer = context.request.get(f"/tableaux/lignes?{odd}", headers={"accept": "text/html"})
        expect(answer.status == 400, f"{odd}: {answer.status}")
    watch.axe(page, "analyst /tableaux/lignes")


def chosen(page, context):
    """A part of a picture by day is drawn over, or taken by keys: the page's filters take it, and the address holds it."""
    page.goto("/tableaux?jours=90")
    picture = page.locator("figure[data-first] svg.wide[data-hover]").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] * .4, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * .6, box["y"] + box["height"] / 2, steps=6)
    expect(page.locator("g.brush rect").count() == 1, "what is chosen is shaded")
    page.mouse.up()
    page.wait_for_url("**du=**")
    asked = dict(part.split("=") for part in urlsplit(page.url).query.split("&"))
    span = datetime.date.fromisoformat(asked["au"]) - datetime.date.fromisoformat(asked["du"])
    expect(10 <= span.days <= 26 and "jours" not in asked, f"a fifth of 90 days: {asked}")
    expect(page.input_value("#du") == asked["du"] and page.input_value("#au") == asked["au"], "the fields show it")
    picture = page.locator("figure[data-first] svg.wide[data-hover]").first
    picture.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect("Période" in page.text_content("#says"), "the part that is chosen is told")
    page.keyboard.press("Escape")
    expect(page.locator("g.brush").count() == 0, "Escape gives it up")
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Enter")
    page.wait_for_function("was => !location.search.includes(was)", arg=f"au={asked['au']}")
    narrower = dict(part.split("=") for part in urlsplit(page.url).query.split("&"))
    span = datetime.date.fromisoformat(narrower["au"]) - datetime.date.fromisoformat(narrower["du"])
    expect(narrower["du"] == asked["du"] and span.days == 3, f"four days by keys: {narrower}")
    card = context.request.get(f"/tableaux/export/amounts?du={narrower['du']}&au={narrower['au']}&format=csv")
    expect(card.ok and len([line for line in card.text().splitlines() if line]) == 6, "head, four days and the filters")
    page.select_option("#jours", "30")
    page.wait_for_url("**jours=30**")
    expect(page.input_value("#du") == "", "a period takes the place of chosen days")
    for odd in ("du=2026-01-05&au=2026-01-01", "du=x", "du=2026-01-01&au=2026-02-30"):
        answer = context.request.get(f"/tableaux?{odd}", headers={"accept": "text/html"})
        expect(answer.status == 400, f"{odd} is refused")


def updated(page):
    """An update while somebody looks: the line gets its new point, nothing else is drawn anew, the crosshair stays."""
    page.goto("/tableaux?jours=30")
    added = "L777 77"

    def grown(route):
        answer = route.fetch()
        text = answer.text()
        if route.request.resource_type != "fetch":
            return route.fulfill(response=answer)
        found = re.search(r'(<svg [^>]*class="chart wide" data-hover=")([^"]*)', text)
        figures = json.loads(html.unescape(found.group(2)))
        figures["x"].append(figures["x"][-1] + 4)
        figures["l"].append("après-demain")
        for series in figures["s"]:
            series["y"].append(series["y"][-1])
            series["v"].append("7,00\u00a0€")
        rest = re.sub(r'(<path d="[^"]*)(" fill="none" stroke=)', rf"\g<1>{added}\2", text[found.end():], count=1)
        body = text[:found.start()] + found.group(1) + html.escape(json.dumps(figures)) + rest
        return route.fulfill(response=answer, body=body)

    page.route("**/tableaux?jours=30", grown)
    picture = page.locator("figure[data-first] svg.wide[data-hover]").first
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    page.mouse.move(box["x"] + box["width"] * .5, box["y"] + box["height"] / 2)
    page.wait_for_selector(".tip:not([hidden])")
    label = page.text_content(".tip strong")
    page.evaluate("for (const node of document.querySelectorAll('#board svg *')) node.isOld = true")
    page.evaluate("document.querySelector('#pause').click(); document.querySelector('#pause').click()")
    page.wait_for_selector(f"#board path[d$='{added}']", state="attached", timeout=20_000)
    fresh = page.evaluate("[...document.querySelectorAll('#board svg :not(g.cross, g.cross *)')].filter(node => !node.isOld).length")
    expect(fresh == 0, f"{fresh} elements were drawn anew")
    expect(page.text_content(".tip strong") == label and page.locator(".tip:not([hidden])").count() == 1, "the crosshair stays")
    expect(page.locator("#board g.cross").count() == 1, "its line too")
    picture.focus()
    page.keyboard.press("End")
    expect(page.text_content(".tip strong") == "après-demain", "the new point is found")
    page.unroute("**/tableaux?jours=30")


def admin(browser):
    context = watch.context(browser)
    page = context.new_page()
    sign_in(page, "alix@example.com")
    page.wait_for_selector("#checks")
    expect(page.locator("#checks li").count() >= 4, "the bank's checks")
    expect(page.locator("#glance li").count() == 8, "continuity, keys, incidents and alerts")
    for path in ("/utilisateurs?x=1", "/journal?avant=x", "/journal?x=1", "/sauvegardes?x=1", "/donnees?x=1"):
        odd = context.request.get(path, headers={"accept": "text/html"})
        expect(odd.status == 400, f"{path}: {odd.status}")

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
    for table in ("revelations", "conservation"):
        for format, mark in (("csv", b"\xef\xbb\xbf"), ("xlsx", b"PK"), ("pdf", b"%PDF")):
            file = context.request.get(f"/exporter/{table}?format={format}")
            expect(file.ok and file.body().startswith(mark), f"{table} as {format}: {file.status}")
    told = context.request.get("/exporter/revelations?format=csv").text()
    expect("dossier 4711" in told and told.count("\n") >= 2, "who asked for a datum and why, in a file")
    book = context.request.get("/exporter/journal?format=xlsx")
    expect(book.ok and book.body()[:2] == b"PK", "the journal as a workbook")
    responses(page, context)
    drill(page)
    page.goto("/donnees")
    expect(page.locator("tbody tr").count() >= 8, "what is kept, and for how long")
    page.locator("summary", has_text="Effacer un client").click()
    page.fill("#e-client", "1")
    page.fill("#e-name", "Personne")
    page.fill("#e-birth", "1980-01-01")
    page.fill("#e-confirm", "EFFACER 2")
    page.locator("form[action='/donnees/effacer'] button").click()
    page.wait_for_selector("[role=alert]")
    register = context.request.get("/donnees/registre?format=csv")
    expect(register.ok and "text/csv" in register.headers["content-type"], "the register of processing")
    page.goto("/automatisations")
    page.locator("form[action$='/regler'] button").first.click()
    page.wait_for_url(re.compile("fait=scenario_"))
    scenarios(page, context)
    walk(browser, context, "admin", ["/", "/sauvegardes", "/donnees", "/automatisations",
                                     "/automatisations/scenarios/fraud-alert", "/automatisations/nouveau",
                                     "/automatisations/destination?type=sms", "/reprise", "/utilisateurs",
                                     "/revelations", "/journal"])


def scenarios(page, context):
    """A destination is made, a scenario is copied, found wrong, tried, kept, and taken back."""
    page.goto("/automatisations/destination?type=webhook")
    page.fill("#d-name", "essai-webhook")
    page.fill("#d-url", "ftp://example.com/")
    page.locator("form[action='/automatisations/destination'] button.button:not(.ghost)").click()
    page.wait_for_selector("[role=alert]")
    expect(page.input_value("#d-name") == "essai-webhook", "what was typed is still there")
    page.fill("#d-url", "https://example.com/hook")
    page.locator("form[action='/automatisations/destination'][method='post'] button").click()
    page.wait_for_url("**fait=destination")
    page.goto("/automatisations/destinations/essai-webhook")
    expect(page.input_value("#d-url") == "https://example.com/hook", "the destination's address")
    page.goto("/automatisations")
    page.locator(".lines a", has_text="fraude").first.click()
    page.wait_for_url("**/scenarios/fraud-alert")
    expect(page.locator(".flow li").count() >= 5, "the steps of the scenario")
    page.locator("a[href='/automatisations/nouveau?modele=fraud-alert']").click()
    page.wait_for_url("**/nouveau?modele=fraud-alert")
    document = page.input_value("#s-document")
    expect("name: fraud-alert-2" in document, "a copy has a name of its own")
    page.fill("#s-document", document.replace("do: sms", "do: pigeon"))
    page.click("button[value='essayer']")
    page.wait_for_selector("[role=alert]")
    expect("pigeon" in page.text_content("[role=alert]"), "the page says what is wrong")
    expect("do: pigeon" in page.input_value("#s-document"), "and keeps what was typed")
    page.fill("#s-document", document.replace("to: fraude-webhook", "to: essai-webhook"))
    page.fill("#s-event", '{"id": 5, "operation": "insert", "statut": "ouvert", "montant_max_minor": 1500000}')
    page.click("button[value='essayer']")
    page.wait_for_selector("#trial")
    trial = page.text_content("#trial")
    expect("essai-webhook" in trial and "15" in trial, "what would be sent")
    page.fill("#s-confirm", "fraud-alert")
    page.click("button[value='garder']")
    page.wait_for_selector("[role=alert]")
    page.fill("#s-confirm", "fraud-alert-2")
    page.click("button[value='garder']")
    page.wait_for_url("**/scenarios/fraud-alert-2?fait=scenario_garde")
    page.fill("#r-confirm", "fraud-alert-2")
    page.locator("form[action$='/retablir'] button").click()
    page.wait_for_url("**fait=scenario_retire")
    gone = context.request.get("/automatisations/scenarios/fraud-alert-2", headers={"accept": "text/html"})
    expect(gone.status == 404, "the scenario is gone")
    page.goto("/automatisations/destinations/essai-webhook")
    page.fill("#d-confirm", "essai-webhook")
    page.locator("form[action$='/retirer'] button").click()
    page.wait_for_url("**fait=destination_retiree")


def responses(page, context):
    """An address is shut out, which is typed twice, and let in again."""
    page.goto("/incidents")
    page.fill("#s-target", "203.0.113.9")
    page.fill("#s-reason", "Force brute")
    page.fill("#s-confirm", "203.0.113.8")
    page.locator("form[action='/reponses'] button").click()
    page.wait_for_selector(".problem")
    page.goto("/incidents")
    page.fill("#s-target", "203.0.113.9")
    page.fill("#s-reason", "Force brute")
    page.fill("#s-confirm", "203.0.113.9")
    page.locator("form[action='/reponses'] button").click()
    page.wait_for_url("**fait=reponse")
    ban = page.locator(".lines li", has_text="203.0.113.9")
    expect(ban.count() == 1, "the response is in force")
    ban.locator("button").click()
    page.wait_for_url("**fait=reponse_levee")
    expect(page.locator(".lines li", has_text="203.0.113.9").count() == 0, "the response is undone")


def drill(page):
    """Started from the page and followed on it. Without repositories the drill says so."""
    page.goto("/sauvegardes")
    if page.locator("form[action='/exercices']").count() == 0:
        # A server that keeps no cluster of its own cannot play a drill, and says so.
        expect(len((page.text_content("main .card .note") or "").strip()) > 10, "why no drill can be started")
        expect(not os.environ.get("CONSOLE_REPOSITORIES"), "a bank with repositories offers drills")
        return
    expect(page.locator("form[action='/exercices'] button").is_disabled(), "a drill wants its word typed")
    page.fill("#confirm", "EXERCICE")
    page.locator("form[action='/exercices'] button").click()
    page.wait_for_url("**fait=exercice")
    page.wait_for_selector("#started > ul > li:first-child > .tag:is(.positive, .negative)", timeout=240_000)
    if os.environ.get("CONSOLE_REPOSITORIES"):
        # Whether it passed is the drill's own test; here it was run, told, and kept with its questions.
        expect("RTO" in page.text_content("#started"), page.text_content("#started"))
        page.goto("/sauvegardes")
        page.locator("#drills a").first.click()
        page.wait_for_url("**/exercices/**")
        expect(page.locator(".mark.positive").count() >= 5, "the drill's questions")
        watch.axe(page, "admin /exercices")
        if SHOTS:
            shot(page, "admin-exercice-clair")
    else:
        expect(page.locator("#started .proof").count() >= 1, "the drill says why it failed")


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
            # Pages of words alone have nothing of a theme that the others have not.
            if dark and path in ("/aide", "/accessibilite", "/rien"):
                continue
            page.goto(path)
            expect(page.get_attribute("html", "lang") == language, f"{path} is in {language}")
            # Kinds of acts and names of files look like names of words.
            shown = page.evaluate("(() => { const main = document.querySelector('main').cloneNode(true);"
                                  " for (const cell of main.querySelectorAll('.mono')) cell.remove(); return main.innerHTML })()")
            expect(not MISSING.search(shown), f"{path} has every word")
            watch.axe(page, f"{role} {path}")
            if SHOTS:
                name = re.sub(r"\W+", "-", path.split("?")[0]).strip("-") or "accueil"
                name = re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "un", name)
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
            executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-dev-shm-usage", "--lang=fr"])
        for journey in [each for each in (doors, provider, client, analyst, admin) if len(sys.argv) < 2 or each.__name__ in sys.argv]:
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
