"""A web shop that evaluates flags in its own process: python examples/services/python_service.py PORT

It needs the client's wheel (make wheel, then pip install it) and REALTIME_URL, REALTIME_KEY; without them it
uses what `make run` starts. Try: curl 'http://127.0.0.1:8080/?user=ada&country=DE'
"""

import json
import os
import sys
from socketserver import ThreadingMixIn
from urllib.parse import parse_qs
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from realtime_client import Client

client = Client(
    os.environ.get("REALTIME_URL", "http://127.0.0.1:8000"),
    os.environ.get("REALTIME_KEY", "rt_local_demo"),
)


def shop(environ, start_response):
    asked = {name: values[0] for name, values in parse_qs(environ["QUERY_STRING"]).items()}
    user, context = asked.pop("user", None), asked
    if environ["PATH_INFO"] == "/buy" and user:
        client.track("purchase", user, value=float(context.get("amount", 1)), currency="EUR")
        answer = {"bought": True}
    else:
        answer = {
            "banner": client.string("banner-text", "Hello", user, context),
            "items": list(range(client.integer("page-size", 10, user, context))),
            "is_new_checkout": client.boolean("new-checkout", False, user, context),
        }
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]


class ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class QuietHandler(WSGIRequestHandler):
    def log_message(self, *_):
        """A line of the log would hold the user's id."""


if __name__ == "__main__":
    client.load()
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    with make_server("127.0.0.1", port, shop, ThreadingServer, QuietHandler) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()
