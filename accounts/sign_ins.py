"""Keeps the sign-ins of the last days, by every door, and what was refused: for admins, and for each person.

Neither secrets nor typed names are kept: a name may be a password that was typed in the wrong field.
"""

from datetime import timedelta
from typing import Any, Final

from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import SignIn, SignInOutcome, User
from accounts.sessions import IN_SESSION, device_of
from web.deletion import delete_in_batches
from web.metrics import SIGN_INS
from web.request import client_address

MOST_NAMES: Final = 60  # of attributes, of groups, and values of one attribute
LONGEST: Final = 255  # characters of one of them
ONE_ROW_FOR: Final = timedelta(hours=1)  # repetitions of a refusal
MOST_REFUSALS: Final = 5_000  # rows that are kept
MOST_SIGN_INS: Final = 100_000  # all rows
LOCAL: Final = "local"  # the name of local accounts in the metrics


def record_sign_in(request: HttpRequest, user: User, login: SocialLogin | None, *, is_new: bool) -> None:
    """Keep a sign-in that succeeded, with its session; without `login` it is one with a local account."""
    outcome = SignInOutcome.CREATED if is_new else SignInOutcome.ENTERED
    if login and login._did_authenticate_by_email:
        outcome = SignInOutcome.LINKED
    groups = list(user.groups.order_by("name").values_list("name", flat=True)[:MOST_NAMES])
    address = client_address(request)
    about = {"user": user, "address": address, "outcome": outcome, "groups": groups}
    session = {"session_key": request.session.session_key or "", "last_use_at": timezone.now()}
    SIGN_INS.labels(login.account.provider if login else LOCAL, outcome.value).inc()
    row = SignIn.objects.create(**_sent(login), **about, **session, **device_of(request))
    request.session[IN_SESSION] = row.pk


def record_refusal(
    request: HttpRequest,
    outcome: SignInOutcome,
    *,
    login: SocialLogin | None = None,
    provider: str = "",
    user: User | None = None,
) -> None:
    """Keep an attempt that was refused; the same one within the hour is counted in its row."""
    sent = _sent(login) | ({"provider": provider} if provider else {})
    about = {name: sent[name] for name in ("provider", "subject")}
    SIGN_INS.labels(sent["provider"] or LOCAL, outcome.value).inc()
    about |= {"user": user, "address": client_address(request), "outcome": outcome}
    now = timezone.now()
    same = SignIn.objects.filter(**about, at__gt=now - ONE_ROW_FOR).newest_first().first()
    if same is None:
        SignIn.objects.create(**(sent | about))
    else:
        SignIn.objects.filter(pk=same.pk).update(**sent, times=F("times") + 1, last_at=now)


def _sent(login: SocialLogin | None) -> dict[str, Any]:
    """Return what an identity provider sent: the names of the attributes, and what the portal read in them."""
    if login is None:
        return {"provider": "", "subject": ""}
    claims = login.account.extra_data["userinfo"]
    return {
        "provider": login.account.provider,
        "subject": login.account.uid,
        "received": sorted({name[:LONGEST] for name in login.received})[:MOST_NAMES],
        "claims": {name: value[:MOST_NAMES] if isinstance(value, list) else value for name, value in claims.items()},
    }


def sign_ins_of(person: User) -> QuerySet[SignIn]:
    """Return the sign-ins of this person, and the attempts on their account, newest first."""
    return SignIn.objects.of(person).newest_first()


def forget_sign_ins(person: User) -> None:
    """Delete the person's sign-ins, also those that were refused before there was an account."""
    theirs = Q(user=person)
    for provider, subject in SocialAccount.objects.filter(user=person).values_list("provider", "uid"):
        theirs |= Q(provider=provider, subject=subject)
    SignIn.objects.filter(theirs).delete()


def prune_sign_ins() -> int:
    """Delete what is older than SIGN_IN_RETENTION_DAYS, and the oldest of too many; return how many."""
    outdated = timezone.now() - timedelta(days=settings.SIGN_IN_RETENTION_DAYS)
    deleted = delete_in_batches(SignIn.objects.filter(last_at__lt=outdated, at__lt=outdated))
    deleted += _delete_beyond(MOST_REFUSALS, SignIn.objects.refused())
    return deleted + _delete_beyond(MOST_SIGN_INS, SignIn.objects.all())


def _delete_beyond(most: int, rows: QuerySet[SignIn]) -> int:
    """Keep so many of the newest."""
    newest_to_go = rows.order_by("-pk").values_list("pk", flat=True)[most : most + 1].first()
    return delete_in_batches(rows.filter(pk__lte=newest_to_go)) if newest_to_go else 0
