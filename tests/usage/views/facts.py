"""Helpers about usage pages: keys and their usage, as the poll would have written them."""

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from keys.models import Key
from tests.usage.polling import make_key
from usage.models import Fact, TokenRef, UsageState, UsedModel, utc_today
from usage.services import rebuild_rollups, update_keys
from usage.services.rollups import roll_up, roll_up_reattributed

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response


def key_of(owner: User, label: str = "thesis", **fields: Any) -> Key:
    """Make a key that works, as rows only."""
    return make_key(owner, f"{owner.pk}-{label}".ljust(64, "0")[:64], label=label, **fields)


def token_ref_of(key: Key | None, token: str = "") -> TokenRef:
    """Return the source of a key's newest token, or of a token that nobody knows."""
    if key is None:
        return TokenRef.objects.get_or_create(token=token or "unknown", defaults={"alias": "from elsewhere"})[0]
    about = {"key": key, "owner": key.owner}
    return TokenRef.objects.get_or_create(token=token or key.tokens.latest("pk").token, defaults=about)[0]


def used(
    key: Key | None, usd: str = "1", *, days_ago: int = 0, model: str = "gpt-4o-mini", token: str = "", **more: Any
) -> Fact:
    """Write what a key used of a model on a day, and what follows from it."""
    fields = {"prompt_tokens": 100, "completion_tokens": 10, "ok_requests": 1, "response_ms": 500, **more}
    fact = Fact.objects.create(
        day=day(days_ago),
        token_ref=token_ref_of(key, token),
        model=UsedModel.objects.get_or_create(name=model, defaults={"provider": provider_of(model)})[0],
        spend_usd=Decimal(usd),
        **fields,
    )
    roll_up_reattributed()  # of a person's other days, whose groups may be other ones by now
    with transaction.atomic():
        roll_up(fact.day)
    _show()
    return fact


def provider_of(model: str) -> str:
    """Return who offers a model."""
    return "anthropic" if model.startswith("claude") else "openai"


def settle() -> None:
    """Write all sums, and let the numbers be of this moment, and new."""
    rebuild_rollups()
    _show()


def _show() -> None:
    UsageState.objects.get_or_create(pk=1)
    UsageState.objects.update(version=F("version") + 1, last_ok_at=timezone.now())
    update_keys()


def day(days_ago: int) -> date:
    """Return a UTC day."""
    return utc_today() - timedelta(days=days_ago)


def file_of(response: Any) -> str:
    """Return the text of a file that comes piece by piece."""
    return b"".join(response.streaming_content).decode()


def table_of(response: Any) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(file_of(response))))


def content_of(response: "Response") -> str:
    """Return all that an answer sends, a file or a page."""
    return file_of(response) if response.streaming else response.content.decode()
