"""`python -m sandbox`: serve the simulated gateway on 127.0.0.1."""

import argparse
import gc
import os
import signal
import socket
import sys
import threading
from types import FrameType

import uvicorn

from sandbox.app import build
from sandbox.config import ADMIN_KEY, SANDBOX_HEADER, Config
from sandbox.wire import OpenProtocol

_HOST = "127.0.0.1"  # it knows no real secrets, yet only this machine needs it


class Server(uvicorn.Server):
    """Uvicorn, which prints its address."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then print the address."""
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"sandbox ready http://{_HOST}:{port}\n")
        sys.stdout.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=4001, help="0 picks a free one")
    parser.add_argument("--data", help="SQLite file that keeps keys and facts; without it they end with the process")
    parser.add_argument("--admin-key", default=ADMIN_KEY)
    parser.add_argument("--spend-delay-s", type=float, default=2.0, help="until spend shows in reports")
    parser.add_argument("--pace-ms", type=float, default=20.0, help="between two words of a stream")
    parser.add_argument("--history-days", type=int, default=0, help="days of made-up use in an empty database")
    parser.add_argument("--seed", type=int, default=1, help="of the made-up use")
    parser.add_argument("--prefix", default="", help="path before every route, as an Olla in front adds it")
    parser.add_argument(
        "--remember-secrets", action="store_true", help="tell issued secrets at /sandbox/issued_secrets"
    )
    parser.add_argument(
        "--no-custom-keys", dest="custom_keys", action="store_false", help="refuse keys that the caller made up"
    )
    parser.add_argument("--stop-with-stdin", action="store_true", help="end when standard input is closed")
    return parser


def _headers(config: Config) -> list[tuple[str, str]]:
    headers = [SANDBOX_HEADER]
    if config.prefix:
        headers += [("x-olla-endpoint", "sandbox"), ("x-olla-backend-type", "litellm"), ("x-olla-model", "sandbox")]
    return headers


def _stop_with_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 1024):  # not sys.stdin, whose lock would outlive the interpreter
        pass
    server.should_exit = True


def _leave(signum: int, frame: FrameType | None) -> None:
    """End with success: uvicorn has closed everything before it passes the signal on."""
    sys.exit(0)


def main() -> None:
    """Serve until stopped."""
    options = vars(_parser().parse_args())
    port, follows_stdin = options.pop("port"), options.pop("stop_with_stdin")
    config = Config(**{**options, "prefix": options["prefix"].rstrip("/")})
    server = Server(
        uvicorn.Config(
            build(config),
            host=_HOST,
            port=port,
            http=OpenProtocol,
            headers=_headers(config),
            access_log=False,  # query strings may contain keys
            log_level="warning",
            timeout_graceful_shutdown=1,
            lifespan="off",
        )
    )
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    if follows_stdin:
        threading.Thread(target=_stop_with_stdin, args=(server,), daemon=True).start()
    gc.freeze()
    server.run()


if __name__ == "__main__":
    main()
