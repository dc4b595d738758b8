"""The portal as it is served to people: compressed static files, on the database of the tests."""

import os
import sys
from pathlib import Path
from typing import Protocol

from django.conf import settings
from django.db import connection

from tests.servers import Server
from tests.static_files import collected_in

ROOT = Path(__file__).resolve().parent.parent.parent


class Gateway(Protocol):
    """What a portal must know of its gateway: the sandbox, a real one, or what stands in between."""

    @property
    def url(self) -> str: ...
    @property
    def admin_key(self) -> str: ...


class Portal(Server):
    """A portal in front of a gateway, with more settings where wanted; ends with its `with`."""

    def __init__(self, gateway: Gateway, **more: str) -> None:
        super().__init__()
        self.gateway = gateway
        self.more = more

    @property
    def url(self) -> str:
        """Its address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    def prepare(self) -> None:
        """Have the static files: hashed, compressed."""
        self.more["STATIC_ROOT"] = str(collected_in() / "static")

    def command(self) -> list[str]:
        return [sys.executable, "-m", "portal.serve"]

    def environment(self) -> dict[str, str]:
        """Return the settings of `make run`, but for the tests' own database, images and keys."""
        given = {
            "PYTHONPATH": str(ROOT),
            "EMBEDDED": "1",
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            "PORT": str(self.port),
            "WEB_THREADS": "8",
            "VAR_DIR": str(self.folder),
            "SECRET_KEY": settings.SECRET_KEY,  # so that a session made by a test counts there
            "PLAYGROUND_KEY_SECRET": settings.PLAYGROUND_KEY_SECRET,  # one for all nodes, as people have one key
            "DATABASE_URL": database_url(),
            "IMAGE_DIR": str(settings.IMAGE_DIR),
            "GATEWAY_URL": self.gateway.url,
            "GATEWAY_ADMIN_KEY": self.gateway.admin_key,
        }
        return {**os.environ, **given, **self.more}


def database_url() -> str:
    """Return where the tests keep their rows."""
    given = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{given['NAME']}"
    return f"postgresql://{given['USER']}@{given['HOST']}:{given['PORT']}/{given['NAME']}"
