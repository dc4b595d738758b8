"""A backup is restored in front of a real LiteLLM that went on meanwhile: both sides agree again."""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import call_command
from pytest_django import Settings

from accounts.models import User
from keys import services
from keys.models import Key
from tests.dumps import dump_database
from tests.keys.actions import BY_TEST, again, issue
from tests.keys.real_gateway import RealGateway, real_gateway
from tests.portal.wiping import drop_all_tables

pytestmark = [pytest.mark.real_gateway, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def real(staff: User, settings: Settings) -> Iterator[RealGateway]:
    """Point the portal at the real gateway; afterwards put back the tables, which the test drops."""
    settings.KEY_ANSWER_DEADLINE_S = 0
    put_back = dump_database()
    with real_gateway(settings, staff) as gateway:
        yield gateway
    put_back()


def test_keys_made_and_deleted_since_the_backup_are_on_both_sides_again(
    staff: User, real: RealGateway, tmp_path: Path
) -> None:
    kept, deleted = (issue(staff, label, Key.Kind.PERSONAL) for label in ("kept", "deleted"))
    services.identify_gateway()
    call_command("backup", tmp_path / "night.zip", without_files=True, stdout=io.StringIO())
    services.delete_key(key=deleted.key, actor=BY_TEST)
    made = issue(staff, "made since", Key.Kind.PERSONAL)
    drop_all_tables()

    call_command("restore", tmp_path / "night.zip", stdout=io.StringIO())
    report = io.StringIO()
    call_command("after_restore", stdout=report)

    assert f"“made since” …{made.secret[-4:]}" in report.getvalue()
    assert f"“deleted” …{deleted.secret[-4:]}" in report.getvalue()
    assert again(made.key).state == again(kept.key).state == Key.State.ACTIVE
    assert again(deleted.key).state == Key.State.DELETED
    assert {real.chat(fresh.secret).status_code for fresh in (kept, made)} == {200}
    assert real.chat(deleted.secret).status_code == 401
