"""The portal's address and the access token, in a file that only the person can read."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credentials:
    """A portal, and the access token for it."""

    url: str
    token: str = field(repr=False)


def path() -> Path:
    """Return where the credentials are."""
    folder = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "passerelle" / "credentials.json"


def load() -> Credentials | None:
    """Return the credentials of the environment, or of the last sign-in."""
    url, token = os.environ.get("PASSERELLE_URL"), os.environ.get("PASSERELLE_TOKEN")
    if url and token:
        return Credentials(url.rstrip("/"), token.strip())
    return stored()


def stored() -> Credentials | None:
    """Return the credentials of the last sign-in."""
    try:
        kept = json.loads(path().read_text())
        return Credentials(kept["url"], kept["token"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def save(credentials: Credentials) -> None:
    """Write the credentials, whole or not at all; nobody else can read them at any moment."""
    target = path()
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(prefix="credentials.", dir=target.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(asdict(credentials), file)
        Path(draft).replace(target)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def forget() -> bool:
    """Delete the credentials; False where there were none."""
    there = path().exists()
    path().unlink(missing_ok=True)
    return there
