"""Prometheus with our alert rules, which scrapes the ports of a site."""

import shutil
from pathlib import Path
from typing import Any

import requests

from tests.servers import ROOT, Server

CONFIGURATION = """
global: {{scrape_interval: 10s, scrape_timeout: 8s}}
rule_files: [{rules}]
scrape_configs:
  - job_name: passerelle
    authorization: {{credentials: {token}}}
    static_configs: [{{targets: {targets}}}]
"""


class Prometheus(Server):
    """Scrapes every ten seconds; the rules say how often they are evaluated."""

    def __init__(self, *ports: int, token: str) -> None:
        super().__init__()
        self._targets, self._token = [f"127.0.0.1:{port}" for port in ports], token

    def prepare(self) -> None:
        """Write its configuration, with the rules that we deliver."""
        rules = ROOT / "deploy/prometheus/rules.yaml"
        text = CONFIGURATION.format(rules=rules, token=self._token, targets=self._targets)
        Path(self.folder / "prometheus.yml").write_text(text)

    def command(self) -> list[str]:
        program = shutil.which("prometheus")
        assert program
        return [
            program,
            f"--config.file={self.folder}/prometheus.yml",
            f"--storage.tsdb.path={self.folder}/data",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def firing(self) -> set[tuple[str, str]]:
        """Return the alerts that fire: their names, and the part that they name."""
        answer: dict[str, Any] = requests.get(f"http://127.0.0.1:{self.port}/api/v1/alerts", timeout=10).json()
        labels = [each["labels"] for each in answer["data"]["alerts"] if each["state"] == "firing"]
        return {(each["alertname"], each.get("part", "")) for each in labels}
