"""Blanks all personal data of an account for good. The account stays, as a number, for spend and audit trail."""

import json
import secrets
from urllib.parse import quote_plus

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db.models import Q
from django.http import QueryDict
from django.utils import timezone

from accounts.audit import forget_names
from accounts.models import AccessRequest, AccessToken, DailyItem, Grant, MailChoices, ScimUser, User, WebhookDelivery
from accounts.sessions import session_keys_of
from accounts.sign_ins import forget_sign_ins


def anonymise_account(person: User) -> None:
    """Blank the account, close it and end its sessions. Call it in a transaction. Idempotent.

    Nobody can sign in to it any more: its link to the institution is removed, so the same person would get a new one.
    """
    username = person.username
    person.username = _number_of(person)
    person.first_name = person.last_name = person.email = ""
    person.language = person.browser_language = person.time_zone = ""
    person.cost_centre = ""  # may be of this person alone
    person.is_active = person.is_staff = person.is_superuser = False
    person.set_unusable_password()
    person.anonymised_at = timezone.now()
    person.save()
    for rights in (person.groups, person.user_permissions, person.institution_groups):
        rights.clear()
    EmailAddress.objects.filter(user=person).delete()
    forget_sign_ins(person)
    SocialAccount.objects.filter(user=person).delete()
    MailChoices.objects.filter(person=person).delete()
    ScimUser.objects.filter(person=person).delete()
    DailyItem.objects.filter(person=person).delete()
    AccessToken.objects.owned_by(person).delete()
    Authenticator.objects.filter(user=person).delete()
    named = Q(body__contains=f'"user_name": {json.dumps(username, ensure_ascii=False)}')
    WebhookDelivery.objects.filter(Q(person=person) | named).delete()
    apps.get_model("api", "IdempotentRequest")._default_manager.filter(owner=person).delete()  # of a layer above
    _forget_views(person, username)
    _forget_requests(person)
    forget_names(person)
    _forget_in_django_log(person)
    end_sessions(person)


def end_sessions(*people: User) -> None:
    """Delete all sessions in which one of these people is signed in; the links in mails to them are void (ADR 31)."""
    User.objects.filter(pk__in=[person.pk for person in people]).update(sessions_ended_at=timezone.now())
    Session.objects.filter(pk__in=session_keys_of(*people)).delete()


def _forget_views(person: User, username: str) -> None:
    """Delete the person's saved views of usage, and those of others with the person's user name in a filter."""
    views = apps.get_model("usage", "SavedView")._default_manager.all()  # of a layer above
    views.filter(owner=person).delete()
    for view in views.filter(query__icontains=quote_plus(username)):
        params = QueryDict(view.query)
        values = [value for name in ("person", "supervisor") for value in params.get(name, "").lower().split("|")]
        if username.lower() in values:
            view.delete()


def _forget_requests(person: User) -> None:
    """Blank the texts of the person's requests and grants, and withdraw open requests; amounts and days stay."""
    theirs = AccessRequest.objects.of(person)
    theirs.update(why="", reason="")
    Grant.objects.filter(person=person).update(reason="")
    theirs.filter(state=AccessRequest.State.OPEN).update(state=AccessRequest.State.WITHDRAWN)


def _number_of(person: User) -> str:
    """Return the account's name from now on; an existing user of that name keeps it."""
    name = f"anonymous-{person.pk}"
    taken = User.objects.exclude(pk=person.pk).filter(username__iexact=name).exists()
    return f"{name}-{secrets.token_hex(4)}" if taken else name


def _forget_in_django_log(person: User) -> None:
    """Blank the name in the log of Django's admin, in entries about this person."""
    about = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk))
    about.update(object_repr=person.username, change_message="")
