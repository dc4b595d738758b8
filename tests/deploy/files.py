"""Where the files for operators are, and how tests read them."""

from pathlib import Path
from typing import Any, Final

import yaml

from tests.servers import ROOT

DEPLOY: Final = ROOT / "deploy"
SYSTEMD: Final = DEPLOY / "systemd"
PROGRAM: Final = "/opt/passerelle/current/bin/passerelle"
UNITS: Final = sorted(SYSTEMD.glob("*.service"))


def documents(text: str) -> list[dict[str, Any]]:
    """Return the YAML documents of a text that are not empty."""
    return [document for document in yaml.safe_load_all(text) if document]


def with_drop_ins(unit: Path) -> str:
    """Return a unit as `systemctl cat` prints it."""
    parts = [unit, *sorted((SYSTEMD / "passerelle-.service.d").glob("*.conf"))]
    return "\n".join(part.read_text() for part in parts)
