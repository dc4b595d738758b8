"""The scope of usage: its owner and the filters, which is the part of a URL that is not the period."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from django.db.models import Q, QuerySet

from accounts.models import User
from keys.models import Key
from usage.models import TokenRef, UsedModel

UNATTRIBUTED: Final = "(unattributed)"  # in place of a person: no user name has brackets
MAX_FILTER_LENGTH: Final = 200  # characters of a filter
FILTERS: Final = ("person", "group", "model", "provider", "key", "kind", "course")
KINDS: Final = (
    f"{Key.Kind.PERSONAL},{Key.Kind.TEMPORARY}",
    *(str(kind) for kind in Key.Kind),
)
_TOKEN_REF = re.compile(r"@([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope; an empty one is everything.

    `person` is a user name, a part of a name, or UNATTRIBUTED; `key` is the id of a key, "@" and the id of a TokenRef
    without a known key, or a part of a label. `course` is the id of a course, with all keys of its team.
    """

    owner_id: int | None = None  # only this person's keys
    interns_only: bool = False  # of these, only keys with an intern
    person: str = ""
    group: str = ""
    model: str = ""
    provider: str = ""
    key: str = ""
    kind: str = ""
    course: str = ""

    def params(self) -> dict[str, str]:
        """Return its URL parameters."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def name(self) -> str:
        """A name that is unique to the scope."""
        return repr(asdict(self))

    def filtered(self) -> "FilteredScope":
        """Return the rows in the scope; costs a query when a person is named."""
        wanted = [condition for condition in self._conditions() if condition]
        models = {"name": self.model, "provider": self.provider}
        given = {name: value for name, value in models.items() if value}
        return FilteredScope(
            token_refs=TokenRef.objects.filter(*wanted) if wanted else None,
            models=UsedModel.objects.filter(**given) if given else None,
        )

    def live_keys(self) -> QuerySet[Key]:
        """Return the working keys within the filters, used or not; the model is no filter of keys."""
        if _TOKEN_REF.fullmatch(self.key):
            return Key.objects.none()
        wanted = (_person(self.person), _group(self.group), _label(self.key), _kind(self.kind), _course(self.course))
        return Key.objects.live().filter(*(condition for condition in wanted if condition)).order_by()

    def _conditions(self) -> list[Q]:
        return [
            Q() if self.owner_id is None else Q(owner=self.owner_id),
            Q(key__intern__isnull=False) if self.interns_only else Q(),
            _person(self.person),
            _group(self.group),
            _key(self.key),
            _kind(self.kind, "key__"),
            _course(self.course, "key__"),
        ]


@dataclass(frozen=True, slots=True)
class FilteredScope:
    """The tokens and the models in the scope; None: all of them."""

    token_refs: QuerySet[TokenRef] | None = None
    models: QuerySet[UsedModel] | None = None


def scope_of(params: Mapping[str, str], *, owner_id: int | None = None, interns_only: bool = False) -> Scope:
    """Return the scope that a URL names; an unknown kind, and what is no id of a course, are ignored."""
    filters = {name: params.get(name, "").replace("\0", "").strip()[:MAX_FILTER_LENGTH] for name in FILTERS}
    kind = filters.pop("kind")
    kind = kind if kind in KINDS else ""
    course = filters.pop("course")
    course = course if _is_uuid(course) else ""
    return Scope(owner_id=owner_id, interns_only=interns_only, kind=kind, course=course, **filters)


def _person(text: str) -> Q:
    """Match the person with this user name; otherwise those with all these words in their names."""
    if not text:
        return Q()
    if text == UNATTRIBUTED:
        return Q(owner=None)
    named = User.objects.filter(username__iexact=text).values_list("pk", flat=True).first()
    if named is not None:
        return Q(owner=named)
    return Q(owner__in=people_like(text))


def people_like(text: str) -> QuerySet[User]:
    """Return the people with all words of `text` in their user name, name or address."""
    found = User.objects.all()
    for word in text.split():
        found = found.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    return found


def _group(name: str) -> Q:
    return Q(owner__groups__name=name) if name else Q()


def _kind(kinds: str, of: str = "") -> Q:
    return Q(**{f"{of}kind__in": kinds.split(",")}) if kinds else Q()


def _course(course_id: str, of: str = "") -> Q:
    return Q(**{f"{of}team__course": course_id}) if course_id else Q()


def _key(text: str) -> Q:
    """Match one key, one token without a key, or all labels (at the gateway: aliases) that contain this."""
    if token_ref := _TOKEN_REF.fullmatch(text):
        return Q(pk=int(token_ref[1]), key=None)
    labelled = _label(text, "key__")
    return labelled if not text or _is_uuid(text) else labelled | Q(key=None, alias__icontains=text)


def _label(text: str, of: str = "") -> Q:
    """Match one key by its id, or else all whose labels contain this."""
    if not text:
        return Q()
    return Q(**{f"{of}pk": uuid.UUID(text)} if _is_uuid(text) else {f"{of}label__icontains": text})


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
