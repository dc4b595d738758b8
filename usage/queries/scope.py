"""The scope of usage: its owner and the filters, which is the part of a URL that is not the period."""

import operator
import re
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import reduce
from typing import Final

from django.db.models import Q, QuerySet

from accounts.models import User
from keys.models import Key
from usage.models import CostCentre, TokenRef, UsedModel

UNATTRIBUTED: Final = "(unattributed)"  # in place of a person: no user name has brackets
NONE: Final = "(none)"  # no group, no course, …
NO_COST_CENTRE: Final = -1
OR: Final = "|"  # between the values of a filter
MAX_FILTER_LENGTH: Final = 2000  # characters of a filter
MAX_VALUES: Final = 50  # of a filter: two pages of the table of parts
FILTERS: Final = ("person", "group", "model", "provider", "key", "kind", "course", "supervisor", "cost_centre")
KINDS: Final = (
    f"{Key.Kind.PERSONAL},{Key.Kind.TEMPORARY}",
    *(str(kind) for kind in Key.Kind),
)
ESCAPE: Final = "\\"  # before a character of a value that would mean something else
_VALUES = re.compile(r"((?:\\[\\|]|[^|])+)")
_ESCAPED = re.compile(r"\\([\\|])")
_TOKEN_REF = re.compile(r"@([0-9]{1,18})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The scope; an empty one is everything.

    `person` is a user name, a part of a name, or UNATTRIBUTED; `key` is the id of a key, "@" and the id of a TokenRef
    without a known key, or a part of a label. `course` is the id of a course, with all keys of its team; `supervisor`
    the user name of the owner of interns' keys. Several values have OR between them. NONE is what has none.
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
    supervisor: str = ""
    cost_centre: str = ""  # as of the day of the usage

    def params(self) -> dict[str, str]:
        """Return its URL parameters."""
        return {name: value for name in FILTERS if (value := getattr(self, name))}

    @property
    def course_ids(self) -> list[uuid.UUID]:
        """The ids of its courses."""
        return [uuid.UUID(course) for course in values_of(self.course) if course != NONE]

    def named_keys(self) -> list[uuid.UUID]:
        """Return the ids of the keys that it names."""
        return [uuid.UUID(value) for value in values_of(self.key) if _is_uuid(value)]

    def named_tokens(self) -> list[int]:
        """Return the ids of the tokens without a key that it names."""
        return [int(found[1]) for value in values_of(self.key) if (found := _TOKEN_REF.fullmatch(value))]

    @property
    def name(self) -> str:
        """A name that is unique to the scope."""
        return repr(asdict(self))

    def filtered(self) -> "FilteredScope":
        """Return the rows in the scope; costs a query when a person is named."""
        wanted = [condition for condition in self._conditions() if condition]
        models = [condition for condition in (_any(self.model, _model), _any(self.provider, _provider)) if condition]
        return FilteredScope(
            token_refs=TokenRef.objects.filter(*wanted) if wanted else None,
            models=UsedModel.objects.filter(*models) if models else None,
            cost_centres=_numbers(self.cost_centre) if self.cost_centre else None,
        )

    def live_keys(self) -> QuerySet[Key]:
        """Return the working keys within the filters, used or not; the model is no filter of keys."""
        if any(map(_TOKEN_REF.fullmatch, values_of(self.key))):
            return Key.objects.none()
        wanted = (
            _any(self.person, _person),
            _any(self.group, _group),
            _any(self.key, _label),
            _any(self.kind, _kind),
            _any(self.course, _course),
            _any(self.supervisor, _supervisor_of_key),
        )
        return Key.objects.live().filter(*(condition for condition in wanted if condition)).order_by()

    def _conditions(self) -> list[Q]:
        return [
            Q() if self.owner_id is None else Q(owner=self.owner_id),
            Q(key__intern__isnull=False) if self.interns_only else Q(),
            _any(self.person, _person),
            _any(self.group, _group),
            _any(self.key, _key),
            _any(self.kind, lambda kind: _kind(kind, "key__")),
            _any(self.course, lambda course: _course(course, "key__")),
            _any(self.supervisor, _supervisor),
        ]


@dataclass(frozen=True, slots=True)
class FilteredScope:
    """The tokens (or their ids), models and cost centres in the scope; None: all of them."""

    token_refs: QuerySet[TokenRef] | list[int] | None = None
    models: QuerySet[UsedModel] | None = None
    cost_centres: tuple[int, ...] | None = None  # numbers; 0 is none

    @property
    def needs_facts(self) -> bool:
        """Whether a filter is on what a sum by token does not have."""
        return self.models is not None or self.cost_centres is not None


def scope_of(params: Mapping[str, str], *, owner_id: int | None = None, interns_only: bool = False) -> Scope:
    """Return the scope that a URL names; an unknown kind, and what is no id of a course, are ignored."""
    filters = {name: _short(params.get(name, "").replace("\0", "").strip()) for name in FILTERS}
    filters["kind"] = joined(kind for kind in values_of(filters["kind"]) if kind in (*KINDS, NONE))
    filters["course"] = joined(course for course in values_of(filters["course"]) if course == NONE or _is_uuid(course))
    return Scope(owner_id=owner_id, interns_only=interns_only, **filters)


def _short(text: str) -> str:
    """Return the first values of a filter, none of them cut or twice."""
    if OR not in text:
        return text[:MAX_FILTER_LENGTH]
    values = list(dict.fromkeys(values_of(text[: MAX_FILTER_LENGTH + 1])))
    whole = values if len(text) <= MAX_FILTER_LENGTH else values[:-1]
    return joined(whole[:MAX_VALUES])


def values_of(text: str) -> tuple[str, ...]:
    """Return the values of a filter."""
    return tuple(_ESCAPED.sub(r"\1", value) for value in _VALUES.findall(text))


def joined(values: Iterable[str]) -> str:
    """Return a filter with these values."""
    return OR.join(value.replace(ESCAPE, ESCAPE * 2).replace(OR, ESCAPE + OR) for value in values)


def _any(text: str, condition: Callable[[str], Q]) -> Q:
    """Match what one of the values of a filter matches."""
    return reduce(operator.or_, map(condition, values_of(text)), Q())


def _numbers(codes: str) -> tuple[int, ...]:
    """Return the numbers of cost centres; of unknown ones, a number that no fact has."""
    named = values_of(codes)
    known = CostCentre.objects.filter(code__in=named).order_by("pk").values_list("pk", flat=True)
    return (*([0] if NONE in named else []), *known) or (NO_COST_CENTRE,)


def _model(name: str) -> Q:
    return Q(name="" if name == NONE else name)


def _provider(name: str) -> Q:
    return Q(provider="" if name == NONE else name)


def _person(text: str) -> Q:
    """Match the person with this user name; otherwise those with all these words in their names."""
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
    if name == NONE:
        return ~Q(owner__in=User.groups.through.objects.values("user")) | Q(owner=None)
    return Q(owner__in=User.groups.through.objects.filter(group__name=name).values("user"))


def _kind(kinds: str, of: str = "") -> Q:
    return Q(key=None) if kinds == NONE and of else Q(**{f"{of}kind__in": kinds.split(",")})


def _course(course_id: str, of: str = "") -> Q:
    if course_id == NONE:
        return Q(**{f"{of}team__course": None})
    return Q(**{f"{of}team__course": course_id})


def _supervisor(username: str) -> Q:
    if username == NONE:
        return Q(key__intern=None)
    return Q(key__intern__isnull=False, owner__username=username)


def _supervisor_of_key(username: str) -> Q:
    if username == NONE:
        return Q(intern=None)
    return Q(intern__isnull=False, owner__username=username)


def _key(text: str) -> Q:
    """Match one key, one token without a key, or all labels (at the gateway: aliases) that contain this."""
    if token_ref := _TOKEN_REF.fullmatch(text):
        return Q(pk=int(token_ref[1]), key=None)
    labelled = _label(text, "key__")
    return labelled if _is_uuid(text) else labelled | Q(key=None, alias__icontains=text)


def _label(text: str, of: str = "") -> Q:
    """Match one key by its id, or else all whose labels contain this."""
    return Q(**{f"{of}pk": uuid.UUID(text)} if _is_uuid(text) else {f"{of}label__icontains": text})


def _is_uuid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
