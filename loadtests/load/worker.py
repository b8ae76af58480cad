"""One process of the service, on a socket that it shares with others: python -m loadtests.load.worker FD

The AWS that it uses is the environment's. It prints a line when it serves, and stops when its standard input
ends.
"""

import socket
import sys

import app as service
from chalicelib.wiring import plane
from realtime.local.background import flush_after_responses
from realtime.local.server import serve

FLUSH_SECONDS = 3.0


def main() -> None:
    listening = socket.socket(fileno=int(sys.argv[1]))
    with (
        flush_after_responses(lambda: plane().after_response(FLUSH_SECONDS)) as after_response,
        serve(service.app, listening=listening, after_response=after_response) as url,
    ):
        print(url, flush=True)
        sys.stdin.buffer.read()


if __name__ == "__main__":
    main()
