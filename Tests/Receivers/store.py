"""An S3 server with versions and object lock (moto), over TLS: prints its port, ends when its input ends."""
import ssl
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

certificate, key = sys.argv[1:3]


class Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, *_):
        pass


class Server(ThreadedWSGIServer):
    def shutdown_request(self, request):
        # Without TLS's own goodbye a client takes the end of an answer for an attack.
        try:
            request.settimeout(0.5)
            request.unwrap()
        except (OSError, ValueError):
            pass
        super().shutdown_request(request)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server = Server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), handler=Quiet, ssl_context=context)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
