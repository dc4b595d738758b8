"""Second factors of local accounts: who has one and who needs one; codes that are checked and used up (ADR 49).

The rows are those of allauth.mfa. Knows nothing of pages.
"""

import json
import logging
import time
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from allauth.mfa.utils import decrypt, encrypt
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.crypto import constant_time_compare
from django.views.decorators.debug import sensitive_variables

from accounts.anonymise import end_sessions
from accounts.audit import Actor, record
from accounts.mails import send_later
from accounts.models import AuditAction, AuditObject, AuditOutcome, User
from accounts.rights import permissions_of
from web import encryption

logger = logging.getLogger(__name__)
TOTP, SECURITY_KEY, RECOVERY_CODES = (
    Authenticator.Type.TOTP,
    Authenticator.Type.WEBAUTHN,
    Authenticator.Type.RECOVERY_CODES,
)
SET_UP_WITHIN_S: Final = 1800
MOST_KEYS: Final = 10  # security keys of a person
NOT_OWED_FOR_S: Final = 60.0
MOST_REMEMBERED: Final = 10_000
not_owed: dict[int, float] = {}  # person -> time.monotonic() until which they need none; of this process


# --- Who has one, and who needs one -----------------------------------------------------------------
def factors_of(person: User) -> "QuerySet[Authenticator]":
    """Return all rows of the person: authenticator app, security keys, recovery codes."""
    found: QuerySet[Authenticator] = Authenticator.objects.filter(user_id=person.pk).order_by("pk")
    return found


def has_second_factor(person: User) -> bool:
    """Return whether the person's password alone does not sign them in."""
    return factors_of(person).exclude(type=RECOVERY_CODES).exists()


def with_second_factor(people: "QuerySet[User]") -> "QuerySet[User]":
    """Add to each person whether they have one, as `has_second_factor`."""
    own = Authenticator.objects.filter(user=OuterRef("pk")).exclude(type=RECOVERY_CODES)
    return people.annotate(has_second_factor=Exists(own))


def needs_second_factor(person: User) -> bool:
    """Return whether the person, with a password here, has a permission, of their own or by a group."""
    if not settings.SECOND_FACTOR_REQUIRED or not person.has_usable_password():
        return False
    return person.is_superuser or person.is_staff or permissions_of(person.pk).exists()


def owes_second_factor(request: HttpRequest) -> bool:
    """Return whether the signed-in person has to set one up before anything else.

    Those who do not are looked up once in a minute, as rights may be given, and factors removed, during a session.
    """
    person = request.user
    if not settings.SECOND_FACTOR_REQUIRED or not isinstance(person, User):
        return False
    now = time.monotonic()
    if not_owed.get(person.pk, 0.0) > now or came_from_institution(request):
        return False
    if needs_second_factor(person) and not has_second_factor(person):
        return True
    if len(not_owed) >= MOST_REMEMBERED:
        not_owed.clear()
    not_owed[person.pk] = now + NOT_OWED_FOR_S
    return False


def came_from_institution(request: HttpRequest) -> bool:
    """Return whether an identity provider vouched for the person in this session."""
    return any(each.get("method") == "socialaccount" for each in get_authentication_records(request, request.user))


def has_other(factor: Authenticator) -> bool:
    """Return whether the person has another app or key."""
    return factors_of(factor.user).exclude(type=RECOVERY_CODES).exclude(pk=factor.pk).exists()


# --- Setting up -------------------------------------------------------------------------------------
def begin_totp(person: User) -> str:
    """Return a new secret for the person's authenticator app, sealed, for the form: nothing is stored yet."""
    return encryption.encrypt(json.dumps([person.pk, generate_totp_secret()]), purpose="second factor set-up")


def secret_in(sealed: str, person: User) -> str | None:
    """Return the secret that `begin_totp` made for this person within the last half hour."""
    try:
        whose, secret = json.loads(
            encryption.decrypt(sealed, purpose="second factor set-up", max_age_s=SET_UP_WITHIN_S)
        )
    except encryption.Undecryptable:
        return None
    return str(secret) if whose == person.pk else None


@sensitive_variables("secret", "code")
def add_totp(person: User, secret: str, code: str, actor: Actor) -> list[str] | None:
    """Turn on the app with this secret if the code is one of it now, and return recovery codes to show, if new.

    None for a wrong code, or where an app is on already.
    """
    counter = _counter_of(secret, code)
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        if counter is None or factors_of(person).filter(type=TOTP).exists():
            return None
        data = {"secret": encrypt(secret), "last_counter": counter}
        Authenticator.objects.create(user=person, type=TOTP, data=data)
        return _added(person, TOTP, actor)


def add_security_key(person: User, name: str, credential: dict[str, Any], actor: Actor) -> list[str] | None:
    """Add a security key whose answer was verified, and return recovery codes to show, if new; None for too many."""
    with transaction.atomic():
        User.objects.select_for_update().get(pk=person.pk)
        if factors_of(person).filter(type=SECURITY_KEY).count() >= MOST_KEYS:
            return None
        data = {"name": name, "credential": credential}
        Authenticator.objects.create(user=person, type=SECURITY_KEY, data=data)
        return _added(person, SECURITY_KEY, actor)


def _added(person: User, kind: str, actor: Actor) -> list[str]:
    _note(person, AuditAction.ADD_FACTOR, kind, actor)
    if factors_of(person).filter(type=RECOVERY_CODES).exists():
        return []
    codes: list[str] = RecoveryCodes.activate(person).generate_codes()
    return codes


@transaction.atomic
def renew_recovery_codes(person: User, actor: Actor) -> list[str]:
    """Replace the recovery codes by new ones, and return these."""
    User.objects.select_for_update().get(pk=person.pk)
    factors_of(person).filter(type=RECOVERY_CODES).delete()
    codes: list[str] = RecoveryCodes.activate(person).generate_codes()
    _note(person, AuditAction.RENEW_CODES, RECOVERY_CODES, actor)
    return codes


@transaction.atomic
def remove_factor(factor: Authenticator, actor: Actor) -> bool:
    """Remove an app or a key; with the last one go the recovery codes. False, and nothing, if the last is needed."""
    person = User.objects.select_for_update().get(pk=factor.user_id)
    if not has_other(factor) and needs_second_factor(person):
        return False
    if factors_of(person).filter(pk=factor.pk).delete()[0]:
        if not has_second_factor(person):
            factors_of(person).delete()
        _note(person, AuditAction.REMOVE_FACTOR, factor.type, actor)
    return True


@transaction.atomic
def reset_second_factor(person: User, actor: Actor) -> bool:
    """Remove all that the person has, as they lost it, and end their sessions; False if there is nothing."""
    if not factors_of(person).delete()[0]:
        return False
    end_sessions(person)
    _note(person, AuditAction.RESET_FACTOR, "", actor)
    return True


def _note(person: User, action: AuditAction, kind: str, actor: Actor) -> None:
    """Record it in the audit trail, and notify the person."""
    record(
        actor=actor,
        action=action,
        outcome=AuditOutcome.DONE,
        kind=AuditObject.PERSON,
        object_id=person.pk,
        subject=person,
        code="person.factor" if kind else "",
        details={"factor": str(kind)} if kind else {},
    )
    not_owed.pop(person.pk, None)
    by = "" if actor.user == person else actor.user.display_name if actor.user else "manage.py"
    send_later("second_factor_changed", person, action=action.value, factor=str(kind), by=by, ip=actor.address)


# --- Codes ------------------------------------------------------------------------------------------
@sensitive_variables("code")
def use_code(person: User, code: str) -> Authenticator | None:
    """Return the person's app or recovery codes whose code this is, and use the code up; None for a wrong one.

    A code of the app is accepted once, and none that is older than the last one.
    """
    for factor in factors_of(person).filter(type__in=(TOTP, RECOVERY_CODES)):
        try:
            accepted = _use_totp(factor, code) if factor.type == TOTP else factor.wrap().validate_code(code)
        except encryption.Undecryptable:
            logger.error("second factor of account %d: encrypted with a secret that is not in use", person.pk)
            continue
        if accepted:
            factor.record_usage()
            return factor
    return None


def warn_of_used_recovery_code(person: User, factor: Authenticator, address: str | None) -> None:
    """Write to a person who signed in with a recovery code how many are left."""
    if factor.type == RECOVERY_CODES:
        left = unused_recovery_codes(person)
        send_later("second_factor_changed", person, action="used", factor="recovery_codes", left=left, ip=address)


def totp_address(person: User, secret: str) -> str:
    """Return the address by which an authenticator app takes over the secret."""
    address: str = get_adapter().build_totp_url(person, secret)
    return address


def unused_recovery_codes(person: User) -> int:
    """Return how many are left."""
    row = factors_of(person).filter(type=RECOVERY_CODES).first()
    used = row.data["used_mask"].bit_count() if row else settings.MFA_RECOVERY_CODE_COUNT
    return int(settings.MFA_RECOVERY_CODE_COUNT - used)


@transaction.atomic
def _use_totp(factor: Authenticator, code: str) -> bool:
    row = Authenticator.objects.select_for_update().filter(pk=factor.pk).first()
    counter = _counter_of(decrypt(row.data["secret"]), code) if row else None
    if row is None or counter is None or counter <= row.data["last_counter"]:
        return False
    row.data["last_counter"] = counter
    row.save(update_fields=["data"])
    return True


@sensitive_variables("secret", "code")
def _counter_of(secret: str, code: str) -> int | None:
    """Return the half minute to which the code belongs, of those that are accepted now."""
    typed = "".join(code.split())
    return next(
        (
            counter
            for counter in yield_hotp_counters_from_time()
            if constant_time_compare(typed, format_hotp_value(hotp_value(secret, counter)))
        ),
        None,
    )
