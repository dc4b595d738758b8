"""Alerts the administrators to problems that they must fix: by mail, once a day for each, as long as it lasts."""

from typing import Final

from django.conf import settings
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from keys.alerts import alert_admins
from keys.heartbeat import admin_key_state, sweep_state
from usage.services.state import poll_state
from web.commands import command

ADMIN_KEY, POLL, SWEEP = "admin_key", "poll", "sweep"
PERMISSION: Final = "usage.refresh"


def alert_operators() -> int:
    """Send the mails that are due; return how many problems they were about. Idempotent."""
    states = {ADMIN_KEY: admin_key_state(), POLL: poll_state(), SWEEP: sweep_state()}
    sent = 0
    for code in (code for code, state in states.items() if state in ("refused", "failing", "late")):
        subject, what, advice = _words(code)
        body = format_lazy("{}\n\n{}\n\n{}", what, advice, settings.PORTAL_URL)
        sent += alert_admins(code, subject, body, permission=PERMISSION)
    return sent


def _words(code: str) -> tuple[Promise, Promise, Promise]:
    """Return subject, problem and fix; in the language of the reader."""
    check = command("check_gateway")
    words = {
        ADMIN_KEY: (
            _("The gateway refuses the portal’s key"),
            _(
                "No key can be made, renewed or deleted, and the usage is not read, "
                "until the gateway accepts the portal’s own key again."
            ),
            format_lazy(
                _(
                    "Set GATEWAY_ADMIN_KEY to a key that the gateway knows, restart web, worker and beat, "
                    "then run: {command}"
                ),
                command=check,
            ),
        ),
        POLL: (
            _("The usage cannot be read from the gateway"),
            _("The numbers on the Usage pages are out of date. They will be read later: nothing is lost."),
            format_lazy(_("The worker’s log says why, at “usage.refresh_facts”. Run: {command}"), command=check),
        ),
        SWEEP: (
            _("Keys are not being maintained"),
            _("Unconfirmed deletions and expired keys are not being processed."),
            _("The worker’s log says why, at “keys.sweep”. Are a worker and exactly one beat running?"),
        ),
    }
    return words[code]
