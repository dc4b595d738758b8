"""The editor of policies: what a person may have, and a mandatory section for each kind of key."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.forms import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audit import changes_between, policy_values, record_policy_change
from accounts.models import AuditAction, KeyKind, KeyRule, Policy, new_rules
from accounts.people_admin import actor_in, user_in
from accounts.policies import may_change_policy
from accounts.rights import groups_to_give, own_groups

if TYPE_CHECKING:  # Django's own classes take no parameter at run time
    PoliciesAdmin = admin.ModelAdmin[Policy]
    RuleForm = forms.ModelForm[KeyRule]
    RuleFormSet = BaseInlineFormSet[KeyRule, Policy, forms.ModelForm[KeyRule]]
    RuleInline = admin.StackedInline[KeyRule, Policy]
else:
    PoliciesAdmin = admin.ModelAdmin
    RuleForm = forms.ModelForm
    RuleFormSet = BaseInlineFormSet
    RuleInline = admin.StackedInline

LIMITS = ("lifetime_days", "ends_at", "budget_usd", "budget_period", "rpm_limit", "tpm_limit")
MODELS = ("all_models", "model_names")


class KeyRuleForm(RuleForm):
    """The rule for one kind of key, with one model name on each line."""

    model_names = forms.CharField(
        label=_("Models"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One name per line, as the gateway lists them. Ignored when “all models” is ticked."),
    )

    class Meta:
        model = KeyRule
        fields = ("allowed", "max_keys", *LIMITS, *MODELS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = self.instance.kind or self.initial.get("kind", "")
        self.initial["model_names"] = "\n".join(self.initial.get("model_names") or [])

    def has_changed(self) -> bool:
        """Save a new rule even if all defaults are unchanged."""
        return self.instance.pk is None or super().has_changed()

    def clean_model_names(self) -> list[str]:
        """Return the names in the lines, each once."""
        names = [line.strip() for line in self.cleaned_data["model_names"].splitlines()]
        return [name for name in dict.fromkeys(names) if name]


class KeyRuleFormSet(RuleFormSet):
    """The only form for a kind of key: the rule of the policy, or a new one."""

    kind: ClassVar[str]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        first = next(rule for rule in new_rules(Policy()) if rule.kind == self.kind)
        super().__init__(*args, initial=[{**forms.model_to_dict(first), "kind": self.kind}], **kwargs)

    @classmethod
    def get_default_prefix(cls) -> str:
        """Name the form fields by the kind: "personal-0-budget_usd"."""
        return str(cls.kind)

    def clean(self) -> None:
        """Refuse a second rule, from a page that was loaded before there was one."""
        super().clean()
        if self.get_queryset() and any(form.instance.pk is None for form in self.forms):
            raise ValidationError(_("Somebody else has changed this policy. Reload the page."))


class KeyRuleInline(RuleInline):
    """The section of one kind of key."""

    kind: ClassVar[str]
    model = KeyRule
    form = KeyRuleForm
    formset = KeyRuleFormSet
    template = "admin/accounts/policy/_rule.html"
    extra, min_num, max_num = 0, 1, 1
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the rules of this kind."""
        return super().get_queryset(request).filter(kind=self.kind)

    def get_formset(self, request: HttpRequest, obj: Policy | None = None, **kwargs: Any) -> Any:
        """Return a formset with exactly one form."""
        formset: Any = super().get_formset(request, obj, validate_min=True, validate_max=True, **kwargs)
        formset.kind = self.kind
        return formset

    def has_view_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Show the rules to people with permission to see the policy."""
        return self.admin_site.get_model_admin(Policy).has_view_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Allow changes of the rules to people with permission to change the policy."""
        return self.admin_site.get_model_admin(Policy).has_change_permission(request, obj)

    def has_add_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Allow adding a rule together with the policy, or where the policy lacks it."""
        if obj is None:
            return self.admin_site.get_model_admin(Policy).has_add_permission(request)
        return self.has_change_permission(request, obj)


class TemporaryRuleInline(KeyRuleInline):
    """Temporary keys, which everybody can have."""

    kind = KeyKind.TEMPORARY
    verbose_name = KeyKind.TEMPORARY.label
    fields = ("max_keys", *LIMITS, *MODELS)


class PersonalRuleInline(KeyRuleInline):
    """Personal keys."""

    kind = KeyKind.PERSONAL
    verbose_name = KeyKind.PERSONAL.label
    fields = ("allowed", "max_keys", *LIMITS, *MODELS)


class PlaygroundRuleInline(KeyRuleInline):
    """The Playground's key, of which a person has one."""

    kind = KeyKind.PLAYGROUND
    verbose_name = KeyKind.PLAYGROUND.label
    fields = ("allowed", *LIMITS, *MODELS)


class CourseRuleInline(KeyRuleInline):
    """Courses: students at most, the longest one, and what each student has."""

    kind = KeyKind.COURSE
    verbose_name = KeyKind.COURSE.label
    fields = ("allowed", "max_keys", *LIMITS, *MODELS)


class PolicyAdmin(PoliciesAdmin):
    """What the members of a group may have; of several groups, the most generous value applies.

    keys.admin registers it, since it knows the effect of a change on keys.
    """

    list_display = (
        "__str__",
        "max_live_keys",
        "person_budget_usd",
        "person_budget_period",
        "kinds",
        "may_name_interns",
    )
    list_select_related = ("group",)
    inlines = (TemporaryRuleInline, PersonalRuleInline, PlaygroundRuleInline, CourseRuleInline)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": ("group",),
                "description": _(
                    "People in several groups get the most generous value of each setting (“no limit” is the "
                    "most generous); a budget is compared together with its period. Existing keys are updated "
                    "within minutes: budget, limits, models, and an expiry no later than that of a new key."
                ),
            },
        ),
        (_("Keys"), {"fields": ("max_live_keys", "grace_hours", "may_name_interns")}),
        (_("Limit per person"), {"fields": ("person_budget_usd", "person_budget_period", "at_once_usd")}),
        (_("Courses"), {"fields": ("course_budget_usd",)}),
        (_("The group together"), {"fields": ("group_budget_usd", "group_warn_percent", "group_budget_stops")}),
    )

    def get_queryset(self, request: HttpRequest) -> Any:
        """Return the policies with their rules."""
        return super().get_queryset(request).prefetch_related("rules")

    @admin.display(description=_("kinds of key"))
    def kinds(self, policy: Policy) -> str:
        """Name the kinds of key that the policy allows."""
        allowed = {rule.kind for rule in policy.rules.all() if rule.allowed}
        return ", ".join(str(kind.label) for kind in KeyKind if kind in allowed)

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        """Save, and remember the former values."""
        before = Policy.objects.filter(pk=obj.pk).first()
        form.values_before = policy_values(before) if before else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the rules, and record the change in the audit trail."""
        super().save_related(request, form, formsets, change)
        changes = changes_between(form.values_before, policy_values(form.instance))
        if changes or not change:
            action = AuditAction.CHANGE if change else AuditAction.ISSUE
            record_policy_change(actor=actor_in(request), action=action, policy=form.instance, changes=changes)

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """Record the deletion in the audit trail, and delete."""
        record_policy_change(actor=actor_in(request), action=AuditAction.DELETE, policy=obj)
        super().delete_model(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        """Keep the default policy the default."""
        return ("group",) if obj is not None and obj.group_id is None else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer one's own groups, and those that give more rights, to superusers only."""
        if db_field.name == "group" and not user_in(request).is_superuser:
            kwargs["queryset"] = groups_to_give(user_in(request)).exclude(pk__in=own_groups(user_in(request)))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Allow only superusers to change their own policy, or that of a group which gives more rights."""
        return not _is_protected(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Forbid deleting the default policy, and deleting several at once."""
        if obj is None or obj.group_id is None or _is_protected(request, obj):
            return False
        return super().has_delete_permission(request, obj)


def _is_protected(request: HttpRequest, policy: Policy | None) -> bool:
    """Return whether the signed-in person may not change the policy, as on the portal's pages."""
    return policy is not None and not may_change_policy(user_in(request), policy.group)
