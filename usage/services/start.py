"""Start a reading of usage, or a comparison with the gateway, by a task: at most once in half a minute, for all."""

from typing import Final

from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext as _

from usage.models import UsageState
from web.tasks import QueueUnavailable, send_task

COOLDOWN_S: Final = 30  # between two starts, of all people together
TIMEOUT_S: Final = 60  # how long a page waits for its run


class NotStarted(Exception):
    """Nothing was started; the text says why, `status` is that of the answer."""

    def __init__(self, words: str, *, status: int, retry_after_s: int = COOLDOWN_S) -> None:
        super().__init__(words)
        self.status, self.retry_after_s = status, retry_after_s


def start_refresh(state: UsageState) -> str:
    """Start a reading of usage, and return what to say. Raises NotStarted."""
    until, now = state.cooldown_until, timezone.now()
    if until and until > now:
        left_s = round((until - now).total_seconds()) + 1
        words = _("Not started: to spare the gateway, the next update can start in %(left)d s.") % {"left": left_s}
        raise NotStarted(words, status=429, retry_after_s=left_s)
    _start("usage.refresh_now", once="usage:asked")
    return _("Checking with the gateway.")


def start_comparison() -> str:
    """Start a comparison with the gateway, and return what to say. Raises NotStarted."""
    _start("usage.reconcile", once="usage:compared")
    return _("The comparison with the gateway has started. Reload this page in a moment.")


def _start(task: str, *, once: str) -> None:
    if not cache.add(once, value=True, timeout=COOLDOWN_S):
        raise NotStarted(_("An update was requested just now. Wait half a minute."), status=429)
    try:
        send_task(task, expires=TIMEOUT_S)
    except QueueUnavailable as error:
        cache.delete(once)
        raise NotStarted(queue_down_words(), status=503) from error


def queue_down_words() -> str:
    """Say that no task can be started now."""
    return _("Not started: the portal’s task queue does not answer. Try again in a minute.")
