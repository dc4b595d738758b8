"""Rate limit of a person's actions on keys: each calls the gateway, and leaves rows that nobody can delete."""

from math import ceil

from django.conf import settings
from django.utils import timezone

from accounts.models import User
from accounts.quotas import QuotaExceeded, consume
from keys.services.refusals import KeyRefused


class TooManyActions(KeyRefused):
    """KEY_ACTIONS_PER_HOUR is used up; nothing has changed. `retry_after_s` is how long to wait."""

    def __init__(self, *, limit: int, retry_after_s: int) -> None:
        super().__init__("hourly", limit=limit, minutes=ceil(retry_after_s / 60))
        self.retry_after_s = retry_after_s


def count_action(user: User, action: str) -> None:
    """Count an action of `user`, done or refused; raises TooManyActions. Each kind of action has its own count.

    So somebody who has created too many keys can still delete them.
    """
    limit = settings.KEY_ACTIONS_PER_HOUR
    try:
        consume(user, action, limit=limit)
    except QuotaExceeded as exceeded:
        wait_s = ceil((exceeded.retry_at - timezone.now()).total_seconds())
        raise TooManyActions(limit=limit, retry_after_s=wait_s) from exceeded
