"""The owner of usage of a key that was handed over: its former owner until that moment, then the new one (ADR 21).

The gateway's list of a day names a key once, with its present owner and all of its use. So for the day of a handover
a second call reads what the former owner used.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from gateway.usage import PAGE_SIZE
from keys.models import FormerOwner, Key
from usage.models import DayToken, Fact, TokenRef
from usage.services.day_reader import Amounts, DayUsage, Tally, in_parts, read_day_of


def split_token_refs() -> int:
    """Give the tokens of keys that were handed over a row for each former owner, with the facts of their days.

    Return how many rows were created. Call it in a transaction.
    """
    wanted = FormerOwner.objects.filter(key__token_refs__until=None, key__token_refs__isnull=False)
    names = ("key__token_refs", "key__token_refs__token", "until", "owner", "owner__gateway_user_id", "key")
    there = set(TokenRef.objects.exclude(until=None).values_list("token", "until"))
    rows = [row for row in wanted.order_by("until").values_list(*names) if row[1:3] not in there]
    for present, token, until, owner, user_id, key in rows:
        former = TokenRef.objects.create(token=token, until=until, owner_id=owner, gateway_user_id=user_id, key_id=key)
        for model in (Fact, DayToken):
            model._default_manager.filter(token_ref=present, day__lte=_day(until)).update(token_ref=former)
    for key in Key.objects.filter(pk__in={row[-1] for row in rows}):
        TokenRef.objects.filter(key=key, until=None).update(owner=key.owner_id)
    return len(rows)


def read_shares(
    day_usage: DayUsage, tally: Tally, extend_lease: Callable[[], None], *, page_size: int = PAGE_SIZE
) -> None:
    """Read what each former owner used on a day on which they handed keys over. Raises GatewayError."""
    begin = datetime.combine(day_usage.day, time.min, UTC)
    people = FormerOwner.objects.filter(until__gte=begin, until__lt=begin + timedelta(days=1))
    for user_id in people.order_by().values_list("owner__gateway_user_id", flat=True).distinct():
        facts = read_day_of(user_id, day_usage.day, tally, extend_lease, page_size=page_size).facts
        day_usage.shares |= {(user_id, token, model): amounts for (token, model), amounts in facts.items()}


def facts_by_owner(day_usage: DayUsage) -> dict[tuple[int, str], Amounts]:
    """Return the facts of a day by (id of the TokenRef of the token's owner at that time, model)."""
    token_refs: dict[str, list[TokenRef]] = defaultdict(list)
    for tokens in in_parts(day_usage.token_info):
        for token_ref in TokenRef.objects.filter(token__in=tokens).only("token", "until", "gateway_user_id"):
            if token_ref.until is None or _day(token_ref.until) >= day_usage.day:
                token_refs[token_ref.token].append(token_ref)
    shares = dict(day_usage.shares)
    facts: dict[tuple[int, str], Amounts] = {}
    for (token, model), amounts in day_usage.facts.items():
        *former, last = _in_order(token_refs[token], day_usage.day)
        rest = amounts
        for token_ref in former:
            share = shares.pop((token_ref.gateway_user_id, token, model), None)
            if share:
                part: Amounts = [_at_most(amount, most) for amount, most in zip(share, rest, strict=True)]
                facts[token_ref.pk, model] = part
                rest = [amount - less for amount, less in zip(rest, part, strict=True)]
        if rest is amounts or any(rest):
            facts[last.pk, model] = rest
    return facts


def _in_order(token_refs: list[TokenRef], day: date) -> list[TokenRef]:
    """Return the rows of a token's former owners on this day, oldest first, and of its owner at the end."""
    in_order = sorted(token_refs, key=lambda each: (each.until is None, each.until or datetime.min.replace(tzinfo=UTC)))
    of_day = [each for each in in_order if each.until and _day(each.until) == day]
    return in_order[: len(of_day) + 1]


def _at_most(amount: Decimal | int, most: Decimal | int) -> Decimal | int:
    """Limit a share: it was read later than the whole, and may be larger by then."""
    return max(0, min(amount, most))


def _day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()
