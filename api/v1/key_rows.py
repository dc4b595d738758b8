"""Keys as the API shows them."""

import uuid
from dataclasses import replace
from datetime import date, datetime

from django.db.models import QuerySet
from ninja import Field, Schema

from accounts.models import User
from accounts.policies import policy_of
from api.v1.money import Usd
from keys.models import Key
from keys.rows import row_with_use
from keys.use import KeyUse, PersonUse
from usage.models import utc_today
from usage.queries.key_use import person_use


class Named(Schema):
    """An intern or a course, by id."""

    id: uuid.UUID
    name: str


class KeyOut(Schema):
    """A key. `state` is for programs, `state_words` and `sentence` say it to people."""

    id: uuid.UUID
    label: str
    kind: str
    state: str
    state_words: str
    sentence: str
    last_four: str
    created_at: datetime
    expires_at: datetime | None
    model_names: list[str] | None = Field(description="null: all models.")
    budget_usd: Usd | None
    budget_period: str
    spent_usd: Usd | None = Field(description="Since the last reset of its budget, as of the last poll.")
    left_usd: Usd | None
    resets_on: date | None
    spent_30_days_usd: Usd | None
    last_used_on: date | None
    requests_per_minute: int | None
    tokens_per_minute: int | None
    intern: Named | None
    course: Named | None
    actions: list[str] = Field(description="What can be done with it now.")


class KeyList(Schema):
    """A page of keys, newest first."""

    items: list[KeyOut]
    next_cursor: str | None


def with_all(keys: QuerySet[Key]) -> QuerySet[Key]:
    """Read with keys what they are shown with."""
    related = ("owner__person_budget", "intern", "override", "team__course")
    return keys.select_related(*related).prefetch_related("tokens")


def shown(keys: list[Key], owner: User) -> list[KeyOut]:
    """Return keys of one owner, read `with_all`, with their states and their use."""
    use = person_use(owner, utc_today(), keys) if keys else PersonUse()
    use = replace(use, stopped_by=policy_of(owner).stopped_by)
    return [_key_out(key, use) for key in keys]


def _key_out(key: Key, use: PersonUse) -> KeyOut:
    row = row_with_use(key, use)
    of_key: KeyUse | None = row.use
    may = {
        "renew": row.may_renew,
        "replace": row.may_rotate,
        "pause": row.may_pause,
        "resume": row.may_resume,
        "relabel": row.may_relabel,
        "delete": row.may_delete,
    }
    course = key.team.course if key.team else None
    return KeyOut(
        id=key.pk,
        label=key.label,
        kind=key.kind,
        state=row.status.code,
        state_words=str(row.status.word),
        sentence=row.status.sentence,
        last_four=key.last_four,
        created_at=key.created_at,
        expires_at=key.expires_at,
        model_names=key.model_names,
        budget_usd=key.budget_usd,
        budget_period=key.budget_period,
        spent_usd=of_key.spent_usd if of_key else None,
        left_usd=of_key.left_usd if of_key else None,
        resets_on=of_key.resets_on if of_key else None,
        spent_30_days_usd=of_key.recent_usd if of_key else None,
        last_used_on=of_key.last_day if of_key else None,
        requests_per_minute=key.rpm_limit,
        tokens_per_minute=key.tpm_limit,
        intern=Named(id=key.intern.pk, name=key.intern.name) if key.intern else None,
        course=Named(id=course.pk, name=course.name) if course else None,
        actions=[name for name, allowed in may.items() if allowed],
    )
