"""nginx and Caddy read the files of deploy/, and log no query and no link of a mail."""

import json
import os
import subprocess

import pytest
import requests

from tests.deploy.files import DEPLOY
from tests.nginx import Nginx
from tests.ports import free_port
from tests.servers import Server
from tests.waiting import wait_until

CADDYFILE = DEPLOY / "caddy" / "Caddyfile"
SECRET = "a-secret-of-a-link"
PATHS = (f"/link/unsubscribe/{SECRET}/", f"/?q={SECRET}")


class Caddy(Server):
    """Caddy with the Caddyfile, for plain http on a port of ours; no node answers."""

    def command(self) -> list[str]:
        """Serve; the address of the file comes from the environment."""
        return ["caddy", "run", "--config", str(self.folder / "Caddyfile"), "--adapter", "caddyfile"]

    def prepare(self) -> None:
        text = CADDYFILE.read_text()
        assert "\n{\n" in text  # the options of all of Caddy
        (self.folder / "Caddyfile").write_text(text.replace("\n{\n", "\n{\n\tadmin off\n", 1))

    def environment(self) -> dict[str, str]:
        node = f"127.0.0.1:{free_port()}"
        given = {"PORTAL_HOST": f"http://localhost:{self.port}", "PASSERELLE_NODES": node, "HOME": str(self.folder)}
        return {**os.environ, **given}


@pytest.mark.caddy
def test_caddy_takes_the_file() -> None:
    validate = ["caddy", "validate", "--adapter", "caddyfile", "--config", str(CADDYFILE)]

    done = subprocess.run(validate, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    formatted = subprocess.run(["caddy", "fmt", str(CADDYFILE)], capture_output=True, text=True, check=False)
    assert formatted.stdout == CADDYFILE.read_text()


@pytest.mark.caddy
def test_caddy_logs_paths_alone() -> None:
    with Caddy() as caddy:
        for path in PATHS:
            answer = requests.get(f"http://localhost:{caddy.port}{path}", headers={"Referer": SECRET}, timeout=30)
            assert answer.status_code in (502, 503)  # no node
        wait_until(lambda: (caddy.folder / "log").read_text().count("handled request") == len(PATHS))
        lines = (caddy.folder / "log").read_text().splitlines()

    access = [line for line in map(json.loads, lines) if line["msg"] == "handled request"]
    assert [line["request"]["uri"] for line in access] == ["/link/unsubscribe/", "/"]
    assert [line for line in lines if SECRET in line] == []  # nor with an error


@pytest.mark.nginx
def test_nginx_logs_paths_alone() -> None:
    with Nginx(portal_port=free_port(), is_plain=True) as nginx:
        for path in PATHS:
            answer = requests.get(nginx.url + path, headers={"Referer": SECRET}, timeout=30)
            assert answer.status_code == 502
        wait_until(lambda: nginx.access_log.read_text().count("\n") == len(PATHS))
        text = nginx.access_log.read_text()

    assert '"GET /link/unsubscribe/" 502' in text
    assert '"GET /" 502' in text
    assert SECRET not in text


def test_the_files_are_for_the_same_nodes() -> None:
    nginx, caddy = (DEPLOY / "nginx" / "passerelle.conf").read_text(), CADDYFILE.read_text()

    assert "server 127.0.0.1:8000 max_fails=1 fail_timeout=2s;" in nginx
    assert "{$PASSERELLE_NODES:127.0.0.1:8000}" in caddy
    assert "fail_duration 2s" in caddy
