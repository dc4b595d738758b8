"""Beat continues from its saved state, and starts over when its file is damaged."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from portal.beat import Scheduler
from portal.celery import app


def scheduler(path: Path) -> Scheduler:
    return Scheduler(app=app, schedule_filename=str(path))


def test_continues_from_the_saved_state(tmp_path: Path) -> None:
    path = tmp_path / "schedule"
    hour_ago = timezone.now() - timedelta(hours=1)
    first = scheduler(path)
    first.schedule["keys.refresh_models"].last_run_at = hour_ago
    first.close()

    again = scheduler(path)

    assert again.schedule["keys.refresh_models"].last_run_at == hour_ago
    assert again.schedule["keys.refresh_models"].is_due()[0]
    assert again.schedule.keys() == app.conf.beat_schedule.keys()


@pytest.mark.parametrize("kind", ["empty", "half", "binary", "list", "no zone", "folder"])
def test_starts_over_with_a_damaged_file(tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "schedule"
    scheduler(path).close()
    whole = path.read_bytes()
    damaged = {"empty": b"", "half": whole[:40], "binary": b"\x80\x04\x00\xff", "list": b"[1]"}
    damaged["no zone"] = json.dumps({"keys.sweep": "2026-01-01T00:00:00"}).encode()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(damaged[kind])

    started = scheduler(path)

    assert len(started.schedule) > 5
    assert "Beat begins anew" in caplog.text
    if kind != "folder":
        assert json.loads(path.read_text()).keys() == started.schedule.keys()


def test_a_time_in_the_future_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "schedule"
    path.write_text(json.dumps({"keys.sweep": (timezone.now() + timedelta(days=9)).isoformat()}))

    last = scheduler(path).schedule["keys.sweep"].last_run_at
    assert last is not None
    assert last <= timezone.now()
