"""People and policies in Django's admin, including the effects of a change on keys."""

from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import people_admin, policy_admin
from accounts.models import Policy, User
from keys.interns_admin import InternAdmin
from keys.models import GatewayModel, Intern, Key
from keys.services import find_outdated
from web.tasks import QueueUnavailable, send_task

TASK_EXPIRES_S = 3000  # by then the schedule has run it
NAMES_SHOWN = 10

admin.site.unregister([User, Group])
admin.site.register(Intern, InternAdmin)


# --- Policies ---------------------------------------------------------------------------------------
class KeyRuleForm(policy_admin.KeyRuleForm):
    """The rule for one kind of key, with the gateway's models next to the names."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = list(GatewayModel.objects.values_list("name", flat=True))
        field = self.fields.get("model_names")
        if field is None or not offered:  # for people with view permission only
            return
        parts = [str(field.help_text), _("The gateway offers: %s.") % ", ".join(offered)]
        unknown = unknown_models(self.instance.model_names)
        field.help_text = " ".join([*parts, *([unknown] if unknown else [])])


def unknown_models(names: list[str]) -> str:
    """Warn of names that no model of the gateway has; "" for none, and before the models were first read."""
    offered = set(GatewayModel.objects.values_list("name", flat=True))
    unknown = [name for name in names if name not in offered] if offered else []
    if not unknown:
        return ""
    words = ngettext(
        "No model of the gateway has this name: %s.", "No model of the gateway has these names: %s.", len(unknown)
    )
    return words % ", ".join(unknown)


class TemporaryRuleInline(policy_admin.TemporaryRuleInline):
    """Temporary keys."""

    form = KeyRuleForm


class PersonalRuleInline(policy_admin.PersonalRuleInline):
    """Personal keys."""

    form = KeyRuleForm


class PlaygroundRuleInline(policy_admin.PlaygroundRuleInline):
    """The Playground's key."""

    form = KeyRuleForm


class CourseRuleInline(policy_admin.CourseRuleInline):
    """Courses."""

    form = KeyRuleForm


@admin.register(Policy)
class PolicyAdmin(policy_admin.PolicyAdmin):
    """Policies, with the effect of a change on existing keys."""

    inlines = (TemporaryRuleInline, PersonalRuleInline, PlaygroundRuleInline, CourseRuleInline)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the rules, warn of unknown model names, and update existing keys."""
        super().save_related(request, form, formsets, change)
        lists = form.instance.rules.filter(all_models=False).values_list("model_names", flat=True)
        if unknown := unknown_models(sorted({name for names in lists for name in names})):
            messages.warning(request, unknown)
        bring_keys_up_to_date(request)
        enforce_budgets()

    def delete_model(self, request: HttpRequest, obj: Policy) -> None:
        """Delete, and update existing keys."""
        super().delete_model(request, obj)
        bring_keys_up_to_date(request)
        enforce_budgets()


@admin.register(Group)
class GroupAdmin(people_admin.GroupAdmin):
    """Groups, with the effect of a deletion on existing keys."""

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Delete with its policy, and update existing keys."""
        super().delete_model(request, obj)
        bring_keys_up_to_date(request)
        enforce_budgets()


def enforce_budgets() -> None:
    """Start the task that stops and starts keys by what the policies say now of budgets of groups."""
    transaction.on_commit(partial(_send, "usage.enforce_ceilings"))


def bring_keys_up_to_date(request: HttpRequest, owner: User | None = None) -> None:
    """Say how many keys differ from the policies now, and start the task that updates them."""
    outdated = find_outdated(owner)
    if not outdated:
        return
    keys = ngettext("%(count)d key", "%(count)d keys", len(outdated.keys)) % {"count": len(outdated.keys)}
    people = ngettext("the budget of %(count)d person", "the budgets of %(count)d people", len(outdated.people))
    what = [keys] if outdated.keys else []
    what += [people % {"count": len(outdated.people)}] if outdated.people else []
    words = _("Being adjusted to the policy in the background: %s. Each change to a key is in the audit trail.")
    messages.info(request, words % ", ".join(what))
    transaction.on_commit(partial(_send, "keys.apply_policies"))


def _send(task: str) -> None:
    """Start the task at once; if the queue is unavailable, the schedule runs it within the hour."""
    try:
        send_task(task, expires=TASK_EXPIRES_S)
    except QueueUnavailable:
        return


# --- People -----------------------------------------------------------------------------------------
class PersonForm(people_admin.PersonForm):
    """A person; before a deactivation it shows which keys stop."""

    stop_keys = forms.BooleanField(label=gettext_lazy("Yes, stop these keys"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stopped = keys_that_stop(self.instance) if self.instance.is_active else ""
        if "is_active" in self.fields and self.stopped:
            self.fields["stop_keys"].help_text = self.stopped

    def clean(self) -> dict[str, Any]:
        """Ask for a confirmation before keys stop."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if self.stopped and data.get("is_active") is False and not data.get("stop_keys"):
            self.add_error("stop_keys", _("Tick this to make the account inactive, and save again."))
        return data


def keys_that_stop(person: User) -> str:
    """Say how many keys stop with this account, and whose; "" for none."""
    live = Key.objects.owned_by(person).live()
    of_interns = list(live.exclude(intern=None).values_list("intern__name", flat=True).order_by("intern__name"))
    own = live.filter(intern=None).count()
    count = own + len(of_interns)
    if not count:
        return ""
    total = ngettext(
        "While the account is inactive, %(count)d key does not work",
        "While the account is inactive, %(count)d keys do not work",
        count,
    )
    parts = [_("%(count)d of the person’s own") % {"count": own}] if own else []
    if of_interns:
        names = list(dict.fromkeys(of_interns))
        shown = ", ".join(names[:NAMES_SHOWN])
        if len(names) > NAMES_SHOWN:
            shown = _("%(names)s and %(count)d more") % {"names": shown, "count": len(names) - NAMES_SHOWN}
        words = ngettext("%(count)d for an intern (%(names)s)", "%(count)d for interns (%(names)s)", len(of_interns))
        parts.append(words % {"count": len(of_interns), "names": shown})
    sentence = f"{total % {'count': count}}: {', '.join(parts)}."
    if of_interns and settings.SUPERVISOR_GRACE_DAYS > 0:
        days = settings.SUPERVISOR_GRACE_DAYS
        words = ngettext(
            "Keys of interns stop after %(count)d day only.", "Keys of interns stop after %(count)d days only.", days
        )
        sentence += f" {words % {'count': days}}"
    return sentence


@admin.register(User)
class UserAdmin(people_admin.UserAdmin):
    """People, with the effect of a change on their keys."""

    form = PersonForm

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Add the list of affected keys below the box that deactivates the account."""
        sets = super().get_fieldsets(request, obj)
        if obj is None or not obj.is_active or not keys_that_stop(obj):
            return sets
        return [(title, {**options, "fields": _with_stop(options["fields"])}) for title, options in sets]

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups, and update or block the person's keys."""
        super().save_related(request, form, formsets, change)
        if not change:
            return
        if "is_active" in form.changed_data:
            transaction.on_commit(partial(_send, "keys.sweep"))
        if {"groups", "is_superuser"} & set(form.changed_data):
            bring_keys_up_to_date(request, form.instance)


def _with_stop(names: Any) -> list[Any]:
    return [part for name in names for part in ([name, "stop_keys"] if name == "is_active" else [name])]
