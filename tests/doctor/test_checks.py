"""What single checks say; test_well_set_server.py runs them all on a server."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.identity_providers import Saml
from accounts.models import SamlMetadata
from portal.doctor import configuration, database, disk, identity, mail, programs, redis_server, site
from portal.doctor.checks import all_checks, without_secrets
from portal.doctor.report import Check, Level, Result, examine, ok, warning
from tests.accounts.institution import Institution
from tests.ports import free_port
from tests.smtp import mail_server


def problems(results: Any) -> list[str]:
    return [result.text for result in results if result.level == Level.PROBLEM]


def test_a_check_that_hangs_or_fails_holds_nobody_up() -> None:
    release = threading.Event()

    def hangs() -> Iterator[Result]:
        yield ok("One thing is well.")
        release.wait(60)

    def fails() -> Iterator[Result]:
        raise ConnectionRefusedError("refused\nwith a second line")

    def breaks_off() -> Iterator[Result]:
        raise IncompleteRead(b"")

    began = time.monotonic()
    checks = [Check("slow", hangs), Check("broken", fails), Check("cut", breaks_off)]
    checks.append(Check("quick", lambda: [warning("Old.", "Renew it.")]))
    found = [(name, result.level, result.text) for name, result in examine(checks, total_s=0.5)]
    release.set()

    assert time.monotonic() - began < 30
    assert found == [
        ("slow", Level.OK, "One thing is well."),
        ("slow", Level.PROBLEM, "No answer within 0 s."),
        ("broken", Level.PROBLEM, "The check failed: refused"),
        ("cut", Level.PROBLEM, "The check failed: IncompleteRead(0 bytes read)"),
        ("quick", Level.WARNING, "Old."),
    ]


def test_forged_addresses_and_wrong_numbers_of_proxies_are_noticed(settings: Settings) -> None:
    proxy, browser, forged = "10.0.0.1", "192.0.2.1", site.FORGED
    table = [  # trusted, entries of X-Forwarded-For, the client as the portal sees it
        (1, [forged, browser], browser, ""),  # a proxy that appends
        (1, [browser], browser, ""),  # one that begins anew
        (2, [forged, browser, proxy], browser, ""),
        (0, [forged], "127.0.0.1", ""),  # none
        (2, [forged, browser], forged, "could choose"),
        (2, [browser], None, "no address is known"),
        (1, [forged, browser, proxy], proxy, "2 proxies add"),
        (1, [forged], forged, "could choose"),  # one that passes on what browsers send
    ]
    for trusted, hops, client, words in table:
        settings.TRUSTED_PROXY_COUNT = trusted
        result = site._proxies(hops, client)
        assert (result.level == Level.OK) == (not words)
        assert words in result.text


def test_redis_that_deletes_or_cannot_write_is_noticed() -> None:
    well: dict[str, Any] = {
        "redis_version": "7.2.1",
        "maxmemory": 2**30,
        "maxmemory_policy": "noeviction",
        "used_memory": 2**20,
    }
    table: list[tuple[dict[str, Any], list[str]]] = [
        ({}, []),
        ({"redis_version": "5.0.7"}, ["Redis 5.0.7 is too old."]),
        ({"maxmemory_policy": "allkeys-lru"}, ["Redis deletes entries when its memory is full (allkeys-lru)."]),
        ({"used_memory": 2**30 - 1}, ["Redis uses 100% of its memory."]),
        ({"rdb_last_bgsave_status": "err"}, ["Redis cannot write to its disk."]),
    ]
    for changed, expected in table:
        facts = {**well, **changed}
        results = [redis_server._version(facts), redis_server._memory(facts), redis_server._persistence(facts)]
        assert [result.text for result in results if result.level] == expected


def test_folders_that_are_full_open_or_not_writable_are_noticed(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR, settings.IMAGE_DIR = tmp_path, tmp_path / "images"
    settings.IMAGE_DIR.mkdir(mode=0o755)
    texts = [result.text for result in disk.folders_can_be_used() if result.level]
    assert len(texts) == 1
    assert "may list IMAGE_DIR" in texts[0]

    settings.IMAGE_DIR.chmod(0o770)
    assert "may write to IMAGE_DIR" in problems(disk.folders_can_be_used())[0]
    (tmp_path / "file").touch()
    settings.IMAGE_DIR = tmp_path / "file"
    assert "cannot be written: Not a directory." in problems(disk.folders_can_be_used())[0]


def test_mail_servers_that_refuse_are_noticed(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    with mail_server() as server:
        settings.EMAIL_PORT, server.refuses = server.port, "nobody"
        assert problems(mail.mail_server_accepts("ada@example.edu")) == []
        assert "550" in problems(mail.mail_server_accepts("nobody@example.edu"))[0]
        server.cuts_at = ""
        assert "does not take our mail" in problems(mail.mail_server_accepts())[0]
    settings.EMAIL_BACKEND, settings.EMBEDDED = "django.core.mail.backends.dummy.EmailBackend", False
    assert [result.level for result in mail.mail_server_accepts()] == [Level.WARNING]


@pytest.mark.django_db
def test_openid_providers_that_nobody_can_sign_in_with_are_noticed(
    institution: Institution, settings: Settings
) -> None:
    assert problems(identity.identity_providers_answer()) == []
    assert institution.asked == ["/.well-known/openid-configuration", "/jwks"]

    institution.garbage = True
    assert "does not answer" in problems(identity.identity_providers_answer())[0]
    institution.garbage = False
    settings.OIDC_ISSUER = institution.url.replace("127.0.0.1", "localhost")
    assert "calls itself" in problems(identity.identity_providers_answer())[0]


@pytest.mark.django_db
def test_saml_metadata_that_cannot_be_used_is_noticed(settings: Settings) -> None:
    settings.OIDC_ISSUER, provider = "", Saml(id="federation", metadata_file="/no/such/file")
    settings.IDENTITY_PROVIDERS = [provider]
    assert [result.level for result in identity.identity_providers_answer()] == [Level.WARNING]

    SamlMetadata.objects.create(pk=provider.id, tried_at=timezone.now(), error="it is not signed")
    assert "cannot be read: it is not signed" in problems(identity.identity_providers_answer())[0]
    SamlMetadata.objects.update(error="", loaded_at=timezone.now())
    assert "has expired" in problems(identity.identity_providers_answer())[0]


@pytest.mark.django_db
def test_a_trial_on_one_machine_has_nothing_to_change() -> None:
    checks = [configuration.settings_fit_together, database.database_answers, redis_server.redis_answers]
    assert [result for check in checks for result in check() if result.level] == []


@pytest.mark.django_db
def test_a_missing_worker_and_a_portal_that_is_away_are_noticed(settings: Settings) -> None:
    settings.PORTAL_URL = f"http://127.0.0.1:{free_port()}"

    assert "cannot be reached from here" in problems(site.portal_can_be_reached())[0]
    assert "No worker answers." in problems(programs.worker_and_beat_are_seen())


def test_secrets_are_blanked_also_as_a_part_of_an_address(settings: Settings) -> None:
    settings.REDIS_URL = "redis://:p%40ss-word@10.0.0.1/0"
    settings.GATEWAY_ADMIN_KEY = "master of all keys"

    settings.SECRET_KEY_FALLBACKS = ["one of before"]

    text = without_secrets(
        "p%40ss-word and p@ss-word at redis, master of all keys, one%20of%20before, sk-1234567890abcdefghij"
    )

    assert text.startswith("… and … at redis, …, …, ")
    assert "abcdefghij" not in text


def test_what_is_not_checked_is_not_well(repository: Path, tmp_path: Path) -> None:
    for given, words in (({"EMBEDDED": "1", "VAR_DIR": str(tmp_path)}, "Nothing is checked"), ({}, "Not started")):
        command = [sys.executable, "manage.py", "doctor", "--before-start", "--only", "site"]
        environment = {"PATH": os.environ["PATH"], **given}
        done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, timeout=120)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr


def test_every_check_is_documented(repository: Path) -> None:
    text = (repository / "docs" / "operating.md").read_text()

    assert [check.name for check in all_checks() if f"| `{check.name}` |" not in text] == []
