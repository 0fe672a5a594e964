"""An OpenID Connect provider that knows one person and asks nothing: for the console's sign-in. Signs with openssl."""
import base64, json, pathlib, subprocess, tempfile, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlencode, urlsplit


def plain(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider:
    def __init__(self, port, email):
        self.base, self.email, self.codes, self.forms = f"http://127.0.0.1:{port}", email, {}, []
        self.key = pathlib.Path(tempfile.mkdtemp()) / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        said = subprocess.run(["openssl", "rsa", "-in", self.key, "-noout", "-modulus"], check=True, capture_output=True)
        modulus = bytes.fromhex(said.stdout.decode().strip().split("=")[1])
        self.jwk = {"kty": "RSA", "kid": "k1", "alg": "RS256", "use": "sig", "n": plain(modulus), "e": "AQAB"}
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *args):
                pass

            def say(self, body, status=200, headers=()):
                data = json.dumps(body).encode()
                self.send_response(status)
                for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(data))), *headers):
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self):
                place = urlsplit(self.path)
                asked = {name: values[0] for name, values in parse_qs(place.query).items()}
                if place.path == "/keys":
                    return self.say({"keys": [outer.jwk]})
                if place.path == "/.well-known/openid-configuration":
                    return self.say({"issuer": outer.base, "authorization_endpoint": outer.base + "/auth",
                                     "token_endpoint": outer.base + "/token", "jwks_uri": outer.base + "/keys"})
                code = f"code-{len(outer.codes)}"
                outer.codes[code] = asked
                back = asked["redirect_uri"] + "?" + urlencode({"code": code, "state": asked["state"]})
                return self.say({}, 302, [("Location", back)])

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                form = {name: values[0] for name, values in parse_qs(text).items()}
                outer.forms.append(form)
                asked = outer.codes.pop(form.get("code"), None)
                if asked is None or form.get("client_secret") != "hush" or form["client_id"] != asked["client_id"]:
                    return self.say({"error": "invalid_grant"}, 400)
                return self.say({"access_token": "a", "token_type": "Bearer", "id_token": outer.token(asked)})

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def token(self, asked):
        now = int(time.time())
        claims = {"iss": self.base, "aud": asked["client_id"], "sub": "person-7", "iat": now, "exp": now + 60,
                  "nonce": asked["nonce"], "email": self.email, "email_verified": True}
        head = {"alg": "RS256", "kid": "k1", "typ": "JWT"}
        signed = ".".join(plain(json.dumps(part).encode()) for part in (head, claims))
        made = subprocess.run(["openssl", "dgst", "-sha256", "-sign", self.key], input=signed.encode(), check=True,
                              capture_output=True)
        return signed + "." + plain(made.stdout)
