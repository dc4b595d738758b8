"""Where admins look after people, groups, policies, and read the audit trail."""

from typing import TYPE_CHECKING, Any, ClassVar

from allauth.account.decorators import secure_admin_login
from django import forms
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.audit import changes_between, policy_values, record_policy_change
from accounts.models import AuditAction, AuditEntry, Policy
from accounts.people_admin import act_in, actor_in
from accounts.policies import policy_of
from accounts.rights import own_groups

if TYPE_CHECKING:  # Django's own classes take no parameter when they run
    PoliciesAdmin = admin.ModelAdmin[Policy]
    PoliciesForm = forms.ModelForm[Policy]
    TrailAdmin = admin.ModelAdmin[AuditEntry]
else:
    PoliciesAdmin = TrailAdmin = admin.ModelAdmin
    PoliciesForm = forms.ModelForm

admin.site.site_header = _("Passerelle: administration")
admin.site.site_title = _("Passerelle")
admin.site.index_title = _("People and policies")
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # one door, with its rate limits


class PolicyForm(PoliciesForm):
    """A policy, with the names of models one a line."""

    model_names = forms.CharField(
        label=_("Models"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One name a line, as the gateway lists them. Counts only without “all models”."),
    )

    playground_model_names = forms.CharField(
        label=_("Models of the Playground"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 6}),
        help_text=_("One name a line. Counts only with “models of its own”."),
    )

    class Meta:
        model = Policy
        fields = "__all__"  # admins decide all of a policy

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in ("model_names", "playground_model_names"):
            self.initial[field] = "\n".join(self.initial.get(field) or [])

    def clean_model_names(self) -> list[str]:
        """Return the names, each once."""
        return self._names_in("model_names")

    def clean_playground_model_names(self) -> list[str]:
        """Return the names, each once."""
        return self._names_in("playground_model_names")

    def _names_in(self, field: str) -> list[str]:
        """Return what stands in a field's lines, each once."""
        names = [line.strip() for line in self.cleaned_data[field].splitlines()]
        return [name for name in dict.fromkeys(names) if name]


@admin.register(Policy)
class PolicyAdmin(PoliciesAdmin):
    """What the people of a group may have; of several groups, the most generous value of each."""

    form = PolicyForm
    list_display = (
        "__str__",
        "max_live_keys",
        "person_budget_usd",
        "budget_usd",
        "budget_period",
        "personal_keys",
        "may_name_interns",
    )
    list_select_related = ("group",)
    fieldsets: ClassVar[Any] = (
        (
            None,
            {
                "fields": ("group",),
                "description": _(
                    "Who is in several groups gets the most generous value of each, “no limit” above all; "
                    "a budget and its period are compared together. Keys that exist get what the policy gives now, "
                    "within minutes: budget, limits, models, and an end that is no later than a new key’s."
                ),
            },
        ),
        (
            _("Keys"),
            {
                "fields": (
                    "max_live_keys",
                    "temporary_lifetime_days",
                    "personal_keys",
                    "personal_lifetime_days",
                    "grace_hours",
                    "may_name_interns",
                )
            },
        ),
        (_("Limit of a person"), {"fields": ("person_budget_usd", "person_budget_period")}),
        (_("Limits of each key"), {"fields": ("budget_usd", "budget_period", "rpm_limit", "tpm_limit")}),
        (_("Models"), {"fields": ("all_models", "model_names")}),
        (
            _("Playground"),
            {
                "fields": (
                    "playground",
                    "playground_budget_usd",
                    "playground_budget_period",
                    "playground_own_models",
                    "playground_model_names",
                ),
                "description": _("Requests and tokens a minute are limited there as with each key."),
            },
        ),
    )

    def save_model(self, request: HttpRequest, obj: Policy, form: Any, change: bool) -> None:
        """Save, and remember what the policy was."""
        before = Policy.objects.filter(pk=obj.pk).first()
        form.values_before = policy_values(before) if before else {}
        super().save_model(request, obj, form, change)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save, and write the change down in the trail."""
        super().save_related(request, form, formsets, change)
        changes = changes_between(form.values_before, policy_values(form.instance))
        if changes or not change:
            action = AuditAction.CHANGE if change else AuditAction.ISSUE
            record_policy_change(act=act_in(request), action=action, policy=form.instance, changes=changes)

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """Write the deletion down in the trail, and delete."""
        record_policy_change(act=act_in(request), action=AuditAction.DELETE, policy=obj)
        super().delete_model(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Policy | None = None) -> tuple[str, ...]:
        """Keep the default policy the default."""
        return ("group",) if obj is not None and obj.group_id is None else ()

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer no group of one's own, but to superusers."""
        if db_field.name == "group" and not actor_in(request).is_superuser:
            kwargs["queryset"] = Group.objects.exclude(pk__in=own_groups(actor_in(request)))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    def has_change_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Let nobody but superusers change what they themselves may have."""
        return not _is_own(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Policy | None = None) -> bool:
        """Keep the default policy, and let policies be deleted one by one only."""
        if obj is None or obj.group_id is None or _is_own(request, obj):
            return False
        return super().has_delete_permission(request, obj)


def _is_own(request: HttpRequest, policy: Policy | None) -> bool:
    """Return whether the policy is one that who is signed in lives by, and is not theirs to change."""
    actor = actor_in(request)
    if policy is None or actor.is_superuser:
        return False
    if policy.group is None:
        return not policy_of(actor).names
    return own_groups(actor).filter(pk=policy.group.pk).exists()


@admin.register(AuditEntry)
class AuditEntryAdmin(TrailAdmin):
    """Who did what to which key, policy or person; to read only."""

    list_display = ("at", "what_happened", "remark", "object_kind", "named", "subject")
    readonly_fields = (*list_display, "object_id", "on_behalf_of", "outcome", "address")
    list_filter = ("object_kind", "action", "outcome", "at")
    search_fields = ("label", "actor_name", "subject__username", "on_behalf_of", "=object_id", "=address")
    search_help_text = _("Label, who did it, user name of the person concerned, intern, whole number, or address")
    ordering = ("-at", "-id")
    list_select_related = ("actor", "subject", "repeats")
    show_full_result_count = False  # counting all entries costs more than reading a page of them

    @admin.display(description=_("what happened"))
    def what_happened(self, entry: AuditEntry) -> str:
        """Show the entry as its sentence."""
        return entry.sentence

    @admin.display(description=_("label"), ordering="label")
    def named(self, entry: AuditEntry) -> str:
        """Name what it was done to."""
        return entry.object_name

    @admin.display(description=_("detail"))
    def remark(self, entry: AuditEntry) -> str:
        """Show what more there is to say, in the reader's language."""
        return entry.remark

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Let nobody write an entry by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Let nobody change an entry."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Let nobody delete an entry."""
        return False
