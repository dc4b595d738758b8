"""The editor of a policy: a form for the person, and one for each kind of key, with the gateway's models to tick."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from django import forms
from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.models import KeyKind, KeyRule, Policy, new_rules
from accounts.policies import merged
from keys.models import GatewayModel

if TYPE_CHECKING:  # Django's own classes take no parameter when they run
    BasePolicyForm = forms.ModelForm[Policy]
    BaseRuleForm = forms.ModelForm[KeyRule]
else:
    BasePolicyForm = BaseRuleForm = forms.ModelForm

LEFT_OUT: Final = {
    KeyKind.TEMPORARY: ("allowed",),
    KeyKind.PERSONAL: (),
    KeyKind.PLAYGROUND: ("max_keys",),
    KeyKind.COURSE: ("ends_at", "budget_period"),
}
OF_COURSES: Final[dict[str, tuple[Any, Any]]] = {  # the labels and explanations of a course's rule
    "allowed": (_("may have courses"), ""),
    "max_keys": (_("students at most"), _("Of each course. Empty: no limit.")),
    "lifetime_days": (_("longest course, days"), _("From its start to its end.")),
    "budget_usd": (_("budget of each student, USD"), _("For the whole course, the Playground included.")),
    "rpm_limit": (_("requests per minute"), _("Of each student. Empty: no limit.")),
    "tpm_limit": (_("tokens per minute"), _("Of each student, input and output together. Empty: no limit.")),
}
OF_GROUP: Final = ("group_budget_usd", "group_warn_percent", "group_budget_stops")
BOX: Final = {"class": "form-check-input"}
ON_REQUEST: Final[Any] = Policy._meta.get_field("on_request")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelBox:
    """A model with its checkbox."""

    box: Any  # of the widget
    name: str
    model: GatewayModel | None  # None: the gateway has no such model


class BoundModels(forms.BoundField):
    """The field of a form with models to tick."""

    field: "ModelsField"

    @property
    def unknown(self) -> list[str]:
        """The ticked names that no model of the gateway has; none before the models were first read."""
        return [name for name in self.value() or [] if name not in self.field.offered] if self.field.offered else []

    def boxes(self) -> Iterator[ModelBox]:
        """Yield the checkboxes: the gateway's models in its order, then names of the policy that it lacks."""
        for box in self:
            name = str(box.data["value"])
            yield ModelBox(box=box, name=name, model=self.field.offered.get(name))


class ModelsField(forms.MultipleChoiceField):
    """Models to tick: the gateway's, and those that the policy names already."""

    widget = forms.CheckboxSelectMultiple(attrs=BOX)

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, **options)
        self.offered: Mapping[str, GatewayModel] = {}
        self.listed: list[str] = []

    def offer(self, offered: Sequence[GatewayModel], listed: Sequence[str]) -> None:
        """Set the choices."""
        self.offered, self.listed = {model.name: model for model in offered}, list(listed)
        names = [*self.offered, *(name for name in self.listed if name not in self.offered)]
        self.choices = [(name, name) for name in names]

    def clean(self, value: Any) -> list[str]:
        """Return the ticked names; unchanged ones in their former order."""
        ticked: list[str] = super().clean(value)
        return self.listed if set(ticked) == set(self.listed) else ticked

    def get_bound_field(self, form: forms.BaseForm, field_name: str) -> BoundModels:
        """Return the field with its boxes."""
        return BoundModels(form, self, field_name)


class PolicyForm(BasePolicyForm):
    """The part of a policy that does not depend on the kind of key."""

    on_request = ModelsField(label=ON_REQUEST.verbose_name, help_text=ON_REQUEST.help_text)

    class Meta:
        model = Policy
        fields = (
            *("person_budget_usd", "person_budget_period", "at_once_usd", "max_live_keys", "grace_hours"),
            *("may_name_interns", "on_request", "course_budget_usd", *OF_GROUP),
        )

    def __init__(self, data: Any, *, instance: Policy, offered: Sequence[GatewayModel]) -> None:
        super().__init__(data, instance=instance)
        if instance.group is None:
            for name in OF_GROUP:
                del self.fields[name]
        cast("ModelsField", self.fields["on_request"]).offer(offered, instance.on_request)


class RuleForm(BaseRuleForm):
    """A policy's rule for one kind of key."""

    model_names = ModelsField(label=_("Models"))

    class Meta:
        model = KeyRule
        fields = (
            *("allowed", "max_keys", "lifetime_days", "ends_at", "budget_usd", "budget_period"),
            *("rpm_limit", "tpm_limit", "all_models", "model_names"),
        )
        widgets = {"ends_at": forms.DateTimeInput(format="%Y-%m-%dT%H:%M", attrs={"type": "datetime-local"})}

    def __init__(self, data: Any, *, instance: KeyRule, offered: Sequence[GatewayModel]) -> None:
        super().__init__(data, instance=instance, prefix=instance.kind)
        self.kind = KeyKind(instance.kind)
        for name in LEFT_OUT[self.kind]:
            del self.fields[name]
        if self.kind == KeyKind.COURSE:
            for name, (label, hint) in OF_COURSES.items():
                self.fields[name].label, self.fields[name].help_text = label, hint
        self._ends_at = instance.ends_at
        cast("ModelsField", self.fields["model_names"]).offer(offered, instance.model_names)

    def limits(self) -> Iterator[forms.BoundField]:
        """Yield the fields that are neither boxes nor models."""
        for name in ("max_keys", "lifetime_days", "ends_at", "budget_usd", "budget_period", "rpm_limit", "tpm_limit"):
            if name in self.fields:
                yield self[name]

    def clean_ends_at(self) -> datetime | None:
        """Return the time; the former one if unchanged, since the page shows no seconds."""
        moment: datetime | None = self.cleaned_data["ends_at"]
        before = self._ends_at
        return before if before and moment == before.replace(second=0, microsecond=0) else moment


class PolicyEditor:
    """All forms of a policy as one. A group without a policy begins with the values of the default one."""

    def __init__(self, data: Any = None, *, group: Group | None, policy: Policy | None) -> None:
        beginning = policy or Policy.objects.filter(group=None).first()
        self.policy = policy or _without_row(Policy(group=group), beginning)
        stored = {} if beginning is None else {rule.kind: rule for rule in KeyRule.objects.filter(policy=beginning)}
        offered = list(GatewayModel.objects.all())
        self.policy_form = PolicyForm(data, instance=self.policy, offered=offered)
        self.rule_forms: list[RuleForm] = []
        for first in new_rules(self.policy):
            rule = stored.get(first.kind)
            if rule is not None and policy is None:
                rule = _without_row(first, rule)
            self.rule_forms.append(RuleForm(data, instance=rule or first, offered=offered))
        self.knows_models = bool(offered)

    @property
    def every_form(self) -> list[PolicyForm | RuleForm]:
        """All of them."""
        return [self.policy_form, *self.rule_forms]

    def is_valid(self) -> bool:
        """Tell whether all forms are valid."""
        valid = [form.is_valid() for form in self.every_form]  # each reports its own errors
        return all(valid) and self._is_lacking_on_request()

    def _is_lacking_on_request(self) -> bool:
        """Refuse models on request that every key can call anyway."""
        listed, everywhere = self.policy.on_request, merged(self.rules()).models_everywhere
        needless = [name for name in listed if everywhere is None or name in everywhere]
        if needless:
            words = _("All keys can already call these models: %(names)s. Untick them here, or for one kind of key.")
            self.policy_form.add_error("on_request", ValidationError(words, params={"names": ", ".join(needless)}))
        return not needless

    def rules(self) -> list[KeyRule]:
        """Return the rules and the policy as entered in the form; nothing is saved."""
        for form in self.rule_forms:
            form.instance.policy = self.policy
        return [form.instance for form in self.rule_forms]

    def errors(self) -> Iterator[tuple[str, forms.BoundField, str]]:
        """Yield kind of key, field and message of each error."""
        for form in self.every_form:
            kind = str(form.kind.label) if isinstance(form, RuleForm) else ""
            for field in form.visible_fields():
                for error in field.errors:
                    yield kind, field, str(error)

    def unknown_models(self) -> list[str]:
        """Return the ticked names that no model of the gateway has, each once."""
        bound = [self.policy_form["on_request"], *(form["model_names"] for form in self.rule_forms)]
        fields = cast("list[BoundModels]", bound)
        return list(dict.fromkeys(name for field in fields for name in field.unknown))


def _without_row(new: Any, like: Any) -> Any:
    """Return `new` with the values of an existing row, except its owner."""
    if like is not None:
        for field in like._meta.concrete_fields:
            if field.name not in ("id", "group", "policy", "kind"):
                setattr(new, field.name, getattr(like, field.name))
    return new
