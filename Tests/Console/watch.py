"""A browser that notes whatever must not happen: errors in the console, policy reports, requests to other hosts."""
import base64, hashlib, hmac, struct, time
from importlib import resources
from urllib.parse import urlsplit

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
DESKTOP, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


def totp(secret, step=0):
    """The code of a time step; no code is taken twice, so that a journey spends earlier and later ones."""
    key = base64.b32decode(secret.replace(" ", "").replace("\u00a0", "") + "=" * (-len(secret.replace("\u00a0", "")) % 8))
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step), hashlib.sha1).digest()
    start = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[start:start + 4])[0] & 0x7FFFFFFF) % 1_000_000:06}"


class Watch:
    def __init__(self, base):
        self.base, self.host = base, urlsplit(base).netloc
        self.faults, self.pages, self.checks, self.axed = [], set(), 0, 0
        # Other places that a journey goes to on purpose.
        self.others = set()

    def context(self, browser, size=DESKTOP, dark=False, cookies=None):
        context = browser.new_context(
            base_url=self.base, viewport=size, color_scheme="dark" if dark else "light", locale="fr-FR",
            has_touch=size is PHONE, reduced_motion="reduce")
        context.set_default_timeout(60_000)
        context.add_init_script(
            "document.addEventListener('securitypolicyviolation', e => console.error('policy ' + e.violatedDirective"
            " + ' ' + e.blockedURI + ' ' + e.sourceFile))")
        if cookies:
            context.add_cookies(cookies)
        context.on("request", self._request)
        context.on("response", self._response)
        context.on("page", self._page)
        return context

    def _request(self, request):
        place = urlsplit(request.url)
        if place.scheme in ("http", "https", "ws", "wss") and place.netloc not in {self.host, *self.others}:
            self.faults.append(f"a request to {request.url}")

    def _response(self, response):
        if response.status >= 400 and response.request.resource_type != "document":
            self.faults.append(f"{response.url} answered {response.status}")

    def _page(self, page):
        page.on("pageerror", lambda error: self.faults.append(f"{page.url}: {error}"))
        page.on("console", lambda message: self._console(page, message))

    def _console(self, page, message):
        # A refused form is answered with a page of status 4xx, which Chromium notes as a failed load; what a page loads
        # itself is looked at by its answer.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"{page.url}: {message.text}")

    def expect(self, holds, words):
        self.checks += 1
        if not holds:
            raise AssertionError(words)

    def axe(self, page, name):
        self.axed += 1
        self.pages.add(name)
        page.evaluate(AXE)
        found = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}}).then(r => r.violations.map(v =>"
            " v.id + ': ' + v.nodes.slice(0, 3).map(n => n.html.slice(0, 160)).join(' | ')))", TAGS)
        for violation in found:
            self.faults.append(f"axe on {name} {page.viewport_size['width']}: {violation}")
        width = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if width > 1:
            widest = page.evaluate(
                "[...document.querySelectorAll('main *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
                ".slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join(' | ')")
            self.faults.append(f"{name} is {width} px wider than the screen: {widest}")
