"""What an archive says of itself: version, migrations, rows of each table, and a digest of each part."""

import hashlib
import hmac
import re
from typing import Final

import msgspec
from django.conf import settings
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from portal.environment import Environment
from portal.old_data import migration_digests

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"
DATABASE: Final = {"postgresql": "database.dump", "sqlite": "database.sqlite3"}  # by vendor
FILES: Final = "files/"
SECRETS: Final = frozenset(  # settings that are, or can contain, a secret: never in an archive
    {
        "SECRET_KEY",
        "SECRET_KEY_FALLBACKS",
        "ENCRYPTION_SECRETS",
        "GATEWAY_ADMIN_KEY",
        "PLAYGROUND_KEY_SECRET",
        "PLAYGROUND_KEY_SECRET_FALLBACKS",
        "PLAYGROUND_TITLE_KEY",
        "OIDC_CLIENT_SECRET",
        "LEAK_REPORTS_SECRET",
        "METRICS_TOKEN",
        "SENTRY_DSN",  # with a key in the address
        "IDENTITY_PROVIDERS",  # TOML with passwords of clients
        "IMAGE_STORAGE_OPTIONS",  # JSON with passwords of storages
        *("DATABASE_URL", "REDIS_URL", "EMAIL_URL", "GATEWAY_PROXY_URL"),  # with a password in the address
    }
)
_LOGIN_IN_URL: Final = re.compile(r"://[^/\s]*@")  # any other address can have one
COMPARED: Final = {  # settings that the data depend on, and what another value means
    "SECRET_KEY": "everybody has to sign in again, and links in mails that were sent no longer work.",
    "ENCRYPTION_SECRETS": "second factors and webhooks in the backup cannot be read.",
    "PLAYGROUND_KEY_SECRET": "everybody's Playground key is replaced at its next use.",
}


class Part(msgspec.Struct, frozen=True):
    """A file of the archive."""

    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=False):
    """The first thing that a restore reads, and the last that a backup writes."""

    format: int
    version: str
    made_at: str  # ISO, UTC
    vendor: str  # of the database
    migrations: dict[str, str]  # "app.name": digest of ours, "" of others
    rows: dict[str, int]  # by table, in the snapshot
    parts: dict[str, Part]  # by name in the archive
    missing_files: int  # named by a row of the snapshot, and deleted before it was their turn
    settings: dict[str, str]  # of the environment; those in files by the names of their files
    fingerprints: dict[str, str]  # of secrets that the data depend on
    with_files: bool = True  # else the storage of files has a backup of its own


def applied_migrations() -> dict[str, str]:
    """Return the migrations that made the database, with the digest of each of ours."""
    digests = migration_digests()
    names = (f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations())
    return {name: digests.get(name, "") for name in sorted(names)}


def settings_without_secrets() -> dict[str, str]:
    """Return the settings of the environment; a secret that is a file is there by the name of its file."""
    given = Environment().given().items()
    return {name: value for name, value in given if name not in SECRETS and not _LOGIN_IN_URL.search(value)}


def fingerprints() -> dict[str, str]:
    """Return a short digest of each secret in COMPARED: enough to notice another one, too little to guess it by.

    The secrets are long and random: a check refuses others.
    """
    return {name: accepted_fingerprints(name)[0] for name in COMPARED}


def accepted_fingerprints(name: str) -> list[str]:
    """Return those of the secret in use, and of former ones that still count."""
    signing = [settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS]
    secrets = {
        "SECRET_KEY": signing,
        "ENCRYPTION_SECRETS": settings.ENCRYPTION_SECRETS or signing,
        "PLAYGROUND_KEY_SECRET": [settings.PLAYGROUND_KEY_SECRET, *settings.PLAYGROUND_KEY_SECRET_FALLBACKS],
    }
    return [_fingerprint(name, each) for each in secrets[name]]


def _fingerprint(name: str, secret: str) -> str:
    return hmac.digest(secret.encode(), f"passerelle backup {name}".encode(), hashlib.sha256).hex()[:8]
