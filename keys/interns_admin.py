"""Interns in Django's admin: names, addresses and accounts. Changes at the gateway have forms of the portal's own."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from accounts.audit import actor_of
from accounts.models import AuditAction, AuditOutcome
from keys.forms import LineField, refuse_secret
from keys.models import Intern, Key
from keys.services.trail import audit_intern
from web.templatetags.portal import day

if TYPE_CHECKING:  # Django's own class takes no parameter at run time
    InternsAdmin = admin.ModelAdmin[Intern]
    InternModelForm = forms.ModelForm[Intern]
else:
    InternsAdmin = admin.ModelAdmin
    InternModelForm = forms.ModelForm


class InternForm(InternModelForm):
    """An intern, with the fields that their supervisor can edit."""

    name = LineField(label=_("Name"), max_length=100)

    class Meta:
        model = Intern
        fields = ("name", "email", "account")

    def clean_email(self) -> str:
        """Return the address as it is stored."""
        email = str(self.cleaned_data["email"]).lower()
        refuse_secret(email)
        return email


class InternAdmin(InternsAdmin):
    """Everybody's interns."""

    form = InternForm
    list_display = ("name", "email", "supervisor", "stay_ends_on", "live_keys", "change_stay", "hand_over")
    list_select_related = ("supervisor",)
    search_fields = ("name", "email", "supervisor__username", "supervisor__last_name", "keys__label")
    ordering = ("stay_ends_on", "name")
    fields = ("name", "email", "account", "supervisor", "stay")
    readonly_fields = ("supervisor", "stay")
    autocomplete_fields = ("account",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Intern]:
        """Return the interns with the number of their keys."""
        live = Count("keys", filter=Q(keys__state__in=Key.LIVE_STATES), distinct=True)
        return super().get_queryset(request).annotate(live=live)

    @admin.display(description=_("Keys"), ordering="live")
    def live_keys(self, intern: Any) -> int:
        """Return how many live keys the intern has."""
        return int(intern.live)

    @admin.display(description="")
    def change_stay(self, intern: Intern) -> str:
        """Link to the portal's form, since keys at the gateway follow."""
        address = reverse("keys:intern_stay", args=[intern.pk])
        return format_html('<a href="{}">{}</a>', address, _("Change the end of the stay"))

    @admin.display(description="")
    def hand_over(self, intern: Intern) -> str:
        """Link to the portal's form, since keys at the gateway follow."""
        return format_html('<a href="{}">{}</a>', reverse("keys:intern_hand_over", args=[intern.pk]), _("Hand over"))

    @admin.display(description=_("end of the stay"))
    def stay(self, intern: Intern) -> str:
        """Show the last day with the link that changes it."""
        return format_html("{} ({})", day(intern.stay_ends_on) or "–", self.change_stay(intern))

    def save_model(self, request: Any, obj: Intern, form: Any, change: bool) -> None:
        """Save, and record which fields changed: not their values, which name a person."""
        super().save_model(request, obj, form, change)
        changes: dict[str, list[str]] = {name: [] for name in form.changed_data}
        if changes:
            audit_intern(
                actor_of(request), AuditAction.CHANGE, AuditOutcome.DONE, obj, "intern.changes", changes=changes
            )

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Supervisors add interns, with a first key."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Intern | None = None) -> bool:
        """An intern without keys stays, for their spend."""
        return False
