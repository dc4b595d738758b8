"""A batch in a window: it is watched while its worker is killed and another goes on."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from accounts.models import User
from playground.batch_models import LOST_AFTER, BatchCall, BatchRun
from tests.browser.portal_process import ROOT, Portal
from tests.browser.visit import Visit
from tests.playground.batches import drafted, states
from tests.playground.streams import know_the_models

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WORK = """
import django; django.setup()
from playground.services import batch_run
while batch_run.is_due():
    batch_run.run_batches()
"""
WITHIN_MS = 60_000  # a worker begins within seconds, on a busy machine later


@contextmanager
def worker(portal: Portal) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that makes calls of batches; it is killed at the end."""
    with subprocess.Popen([sys.executable, "-c", WORK], cwd=ROOT, env=portal.environment()) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_killed_worker_is_followed_by_another_and_the_page_keeps_the_focus(
    visit: Visit, intern: User, portal: Portal
) -> None:
    know_the_models()
    batch = drafted(intern, "One [words 2]", *["[slow 4000] more"] * 3)  # more would wait for the next minute's tokens
    page = visit(reverse("playground:batch", args=[batch.pk]), user=intern)
    page.get_by_role("button", name="Start").click()
    progress, look = page.locator("#playground-progress"), page.get_by_role("link", name="Look again")
    expect(progress).to_contain_text("0 of 4 answers")
    look.focus()

    with worker(portal):
        expect(progress).to_contain_text(re.compile("[1-3] of 4 answers"), timeout=WITHIN_MS)
    expect(look).to_be_focused()
    assert "calling" in states(batch)
    BatchCall.objects.update(seen_at=timezone.now() - LOST_AFTER - timedelta(seconds=1))
    BatchRun.objects.update(lease_until=timezone.now())
    with worker(portal):
        expect(page.get_by_text("4 of 4 answers")).to_be_visible(timeout=WITHIN_MS)

    expect(page.get_by_role("link", name="JSON")).to_be_visible()
    assert set(states(batch)) == {"complete", "unknown"}
    expect(page.get_by_text("unknown, perhaps billed.")).to_be_visible()
