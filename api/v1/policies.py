"""Policies, for admins: read with an ETag, changed with If-Match, by the editor and the service of the page."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.utils.http import parse_etags, quote_etag
from django.utils.translation import gettext as _
from ninja import Field, Header, Router, Schema
from pydantic import AwareDatetime

from accounts.models import KeyKind, KeyRule, Policy
from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer, actor_of
from api.v1.errors import UNFIT, invalid
from api.v1.money import Usd
from keys.services import count_action
from people import services
from people.policy_form import PolicyEditor, RuleForm
from people.views.common import require_sight
from people.views.group_common import GroupSubject, group_subject

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")
FORM_NAMES: Final = {"requests_per_minute": "rpm_limit", "tokens_per_minute": "tpm_limit"}
API_NAMES: Final = {name: given for given, name in FORM_NAMES.items()}
IfMatch = Annotated[str, Header(alias="If-Match", max_length=500, description="The ETag of the policy as you read it.")]


class RuleOut(Schema):
    """What a policy says of one kind of key."""

    kind: str
    allowed: bool
    max_keys: int | None
    lifetime_days: int
    ends_at: datetime | None
    budget_usd: Usd | None
    budget_period: str
    requests_per_minute: int | None
    tokens_per_minute: int | None
    model_names: list[str] | None = Field(description="null: all models.")


class PolicyOut(Schema):
    """A policy; without a group the default one."""

    group: str | None
    group_id: int | None
    max_live_keys: int | None
    person_budget_usd: Usd | None
    person_budget_period: str
    at_once_usd: Usd | None = Field(description="More budget that is granted without a decision.")
    grace_hours: int = Field(description="How long a replaced secret still works.")
    may_name_interns: bool
    on_request: list[str] = Field(description="Models that can be requested.")
    course_budget_usd: Usd | None
    group_budget_usd: Usd | None
    group_warn_percent: int
    group_budget_stops: bool
    rules: list[RuleOut]


class PolicyList(Schema):
    """All policies, the default one first."""

    items: list[PolicyOut]


class RuleChange(Schema):
    """What to change for one kind of key; what is left out stays as it is."""

    allowed: bool = True
    max_keys: int | None = None
    lifetime_days: int | None = None
    ends_at: AwareDatetime | None = None
    budget_usd: Decimal | None = None
    budget_period: str = Field("", max_length=10)
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    model_names: list[str] | None = Field(None, max_length=500, description="null: all models.")


class RulesChange(Schema):
    """What to change by kind of key."""

    temporary: RuleChange | None = None
    personal: RuleChange | None = None
    playground: RuleChange | None = None
    course: RuleChange | None = None


class PolicyChange(Schema):
    """What to change of a policy; what is left out stays as it is."""

    max_live_keys: int | None = None
    person_budget_usd: Decimal | None = None
    person_budget_period: str = Field("", max_length=10)
    at_once_usd: Decimal | None = None
    grace_hours: int | None = None
    may_name_interns: bool = False
    on_request: list[str] = Field([], max_length=500)
    course_budget_usd: Decimal | None = None
    group_budget_usd: Decimal | None = None
    group_warn_percent: int | None = None
    group_budget_stops: bool = False
    rules: RulesChange = RulesChange()


@router.get("/admin/policies", response=PolicyList, auth=READ, summary="All policies")
def list_policies(request: ApiRequest) -> PolicyList:
    """List what each group gives, the default policy first."""
    require_sight(request)
    policies = Policy.objects.select_related("group").prefetch_related("rules")
    ordered = sorted(policies, key=lambda policy: policy.group.name if policy.group else "")
    return PolicyList(items=[_policy_out(policy, list(policy.rules.all())) for policy in ordered])


@router.get("/admin/policies/default", response=PolicyOut, auth=READ, summary="The default policy")
def get_default_policy(request: ApiRequest, response: HttpResponse) -> PolicyOut:
    """Return the policy of people without a group that has one; its ETag is for a change."""
    return _read(group_subject(request, None), response)


@router.get("/admin/groups/{int:group_id}/policy", response=PolicyOut, auth=READ, summary="The policy of a group")
def get_policy(request: ApiRequest, response: HttpResponse, group_id: int) -> PolicyOut:
    """Return the policy of a group; one without its own begins with the values of the default one."""
    return _read(group_subject(request, group_id), response)


@router.patch("/admin/policies/default", response=PolicyOut, auth=WRITE, summary="Change the default policy")
def change_default_policy(
    request: ApiRequest, response: HttpResponse, data: PolicyChange, if_match: IfMatch = ""
) -> PolicyOut:
    """Change the default policy; existing keys follow within minutes. It needs If-Match."""
    return _change(request, response, None, data, if_match)


@router.patch("/admin/groups/{int:group_id}/policy", response=PolicyOut, auth=WRITE, summary="Change a group’s policy")
def change_policy(
    request: ApiRequest, response: HttpResponse, group_id: int, data: PolicyChange, if_match: IfMatch = ""
) -> PolicyOut:
    """Change the policy of a group, or give it its own; existing keys follow within minutes. It needs If-Match."""
    return _change(request, response, group_id, data, if_match)


def _read(subject: GroupSubject, response: HttpResponse) -> PolicyOut:
    editor = PolicyEditor(group=subject.group, policy=subject.policy)
    response.headers["ETag"] = quote_etag(services.version_of(subject.policy))
    return _policy_out(editor.policy, editor.rules())


def _change(
    request: ApiRequest, response: HttpResponse, group_id: int | None, data: PolicyChange, if_match: str
) -> PolicyOut:
    subject = group_subject(request, group_id)
    if not subject.may_change_policy:
        raise PermissionDenied
    version = services.version_of(subject.policy)
    _check_version(if_match, version)
    typed = _typed(PolicyEditor(group=subject.group, policy=subject.policy), data.model_dump(exclude_unset=True))
    editor = PolicyEditor(typed, group=subject.group, policy=subject.policy)
    if not editor.is_valid():
        raise invalid(_errors_of(editor))
    count_action(request.user, "people:change_policy")
    try:
        services.save_policy(policy=editor.policy, rules=editor.rules(), version=version, actor=actor_of(request))
    except services.PolicyConflict as conflict:
        raise _changed() from conflict
    return _read(group_subject(request, group_id), response)


def _check_version(if_match: str, version: str) -> None:
    """Refuse a change of a policy that was not read, or has changed since."""
    if not if_match:
        words = _("Read the policy first, and send its ETag as If-Match.")
        raise Problem(428, "precondition_required", words)
    if not {"*", quote_etag(version)} & set(parse_etags(if_match)):
        raise _changed()


def _changed() -> Problem:
    words = _("Somebody else has changed this policy in the meantime. Your changes were not saved.")
    return Problem(412, "precondition_failed", words)


def _typed(editor: PolicyEditor, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the forms of the page would send: the present values, with those that are given."""
    typed = {form.add_prefix(name): form[name].value() for form in editor.every_form for name in form.fields}
    known, rules = set(typed), given.get("rules", {})
    typed |= {name: value for name, value in given.items() if name != "rules"}
    for kind, rule in rules.items():
        for name, value in (rule or {}).items():
            typed[f"{kind}-{FORM_NAMES.get(name, name)}"] = _moment(value) if name == "ends_at" else value
        if "model_names" in (rule or {}):
            typed[f"{kind}-all_models"] = rule["model_names"] is None
            typed[f"{kind}-model_names"] = rule["model_names"] or []
    if beyond := sorted(typed.keys() - known):
        raise invalid([{"field": name.replace("-", "."), "message": str(UNFIT)} for name in beyond])
    return typed


def _moment(value: datetime | None) -> datetime | None:
    """Return a time in UTC, which a time at either end of the calendar has not."""
    try:
        return value and value.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise invalid([{"field": "rules.ends_at", "message": str(UNFIT)}]) from error


def _errors_of(editor: PolicyEditor) -> list[dict[str, str]]:
    found = []
    for form in editor.every_form:
        place = f"rules.{form.kind.value}." if isinstance(form, RuleForm) else ""
        for name, messages in form.errors.items():
            field = "" if name == "__all__" else f"{place}{API_NAMES.get(name, name)}"
            found += [{"field": field, "message": str(message)} for message in messages]
    return found


def _policy_out(policy: Policy, rules: list[KeyRule]) -> PolicyOut:
    return PolicyOut(
        group=policy.group.name if policy.group else None,
        group_id=policy.group_id,
        max_live_keys=policy.max_live_keys,
        person_budget_usd=policy.person_budget_usd,
        person_budget_period=policy.person_budget_period,
        at_once_usd=policy.at_once_usd,
        grace_hours=policy.grace_hours,
        may_name_interns=policy.may_name_interns,
        on_request=policy.on_request,
        course_budget_usd=policy.course_budget_usd,
        group_budget_usd=policy.group_budget_usd,
        group_warn_percent=policy.group_warn_percent,
        group_budget_stops=policy.group_budget_stops,
        rules=[_rule_out(rule) for rule in sorted(rules, key=lambda rule: list(KeyKind).index(KeyKind(rule.kind)))],
    )


def _rule_out(rule: KeyRule) -> RuleOut:
    return RuleOut(
        kind=rule.kind,
        allowed=rule.allowed,
        max_keys=rule.max_keys,
        lifetime_days=rule.lifetime_days,
        ends_at=rule.ends_at,
        budget_usd=rule.budget_usd,
        budget_period=rule.budget_period,
        requests_per_minute=rule.rpm_limit,
        tokens_per_minute=rule.tpm_limit,
        model_names=None if rule.all_models else rule.model_names,
    )
