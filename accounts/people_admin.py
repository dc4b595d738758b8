"""People and groups in Django's admin. Nobody can extend their own rights there (accounts.rights)."""

from typing import TYPE_CHECKING, Any, cast

from allauth.account import admin as account_admin
from allauth.mfa import admin as mfa_admin
from allauth.socialaccount import admin as social_admin
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from accounts.anonymise import end_sessions
from accounts.audit import (
    Actor,
    actor_of,
    record_group_change,
    record_people_changes,
    record_person_change,
    record_policy_change,
)
from accounts.group_rules import why_not_deleted, why_not_named, why_protected, with_origins
from accounts.mails import send_later
from accounts.models import AuditAction, Invitation, Policy, User
from accounts.rights import groups_to_give, may_change, own_groups, update_staff_status
from accounts.services import change_address
from web.request import PortalRequest

if TYPE_CHECKING:  # Django's own classes take no parameter at run time
    PeopleAdmin = DjangoUserAdmin[User]
    PeopleForm = forms.ModelForm[User]
    LinksAdmin = admin.ModelAdmin[social_admin.SocialAccount]
else:
    PeopleAdmin, PeopleForm, LinksAdmin = DjangoUserAdmin, forms.ModelForm, admin.ModelAdmin

for model in (
    Group,
    account_admin.EmailAddress,  # an address here would be another way into the account
    social_admin.SocialAccount,
    social_admin.SocialApp,  # from the settings
    social_admin.SocialToken,  # not kept
    mfa_admin.Authenticator,  # people add theirs, and a page of the portal resets them
):
    admin.site.unregister(model)


class InvitationForm(PeopleForm):
    """A new person, who chooses their password by a link in a mail."""

    class Meta:
        model = User
        fields = ("username", "email", "first_name", "last_name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].required = True

    def save(self, commit: bool = True) -> User:
        """Create the account without a password."""
        self.instance.set_unusable_password()
        return super().save(commit)


class PersonForm(PeopleForm):
    """A person as admins edit them: without the password, which only the person sets."""

    class Meta:
        model = User
        exclude = ("password", "is_staff")  # the second follows from the permissions


@admin.register(User)
class UserAdmin(PeopleAdmin):
    """People. Permission to change people does not extend one's own rights (accounts.rights)."""

    form = PersonForm
    add_form = InvitationForm
    list_display = ("username", "name", "email", "is_active", "is_staff", "last_login")
    list_filter = ("is_active", "is_staff", "groups")
    readonly_fields = ("gateway_user_id", "last_login", "date_joined")
    fieldsets = (
        (None, {"fields": ("username",)}),
        (_("Person"), {"fields": ("first_name", "last_name", "email")}),
        (
            _("What they may do"),
            {
                "fields": ("is_active", "is_superuser", "groups", "user_permissions"),
                "description": _(
                    "People who leave are made inactive, not deleted: they can no longer sign in, and the audit "
                    "trail keeps their name, unless they are anonymised. The policies of their groups determine "
                    "which keys they may have. You can assign only groups that grant nothing beyond your own "
                    "permissions."
                ),
            },
        ),
        (_("Identifiers and dates"), {"fields": ("gateway_user_id", "last_login", "date_joined")}),
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": ("username", "email", "first_name", "last_name"),
                "description": _(
                    "The person gets a mail with a link to choose their password. Choose the groups on the next "
                    "page. Without a group, the default policy applies."
                ),
            },
        ),
    )

    @admin.display(description=_("name"))
    def name(self, person: User) -> str:
        """Show the name that the portal uses."""
        return person.display_name

    def get_urls(self) -> list[Any]:
        """Remove Django's page that sets another person's password; add the one that sends them a link."""
        send = self.admin_site.admin_view(require_POST(self.send_reset_link))
        path_to_send = path("<int:person_id>/reset-link/", send, name="accounts_user_reset_link")
        return [path_to_send, *super(DjangoUserAdmin, self).get_urls()]

    def send_reset_link(self, request: HttpRequest, person_id: int) -> HttpResponse:
        """Send a person a link to choose a new password."""
        person = get_object_or_404(User, pk=person_id)
        if not self.has_change_permission(request, person) or not person.email or not person.is_active:
            raise PermissionDenied
        send_later("password_reset_by_admin", person)
        record_person_change(actor=actor_in(request), action=AuditAction.RESET_LINK, person=person)
        self.log_change(request, person, "Sent a link to choose a new password.")  # read in many languages
        messages.success(request, _("A link to choose a new password is on its way to %s.") % person.email)
        return redirect("admin:accounts_user_change", person.pk)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Forbid deleting people: the audit trail refers to them."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Allow only superusers to change themselves, or people who have more rights."""
        if obj is not None and not may_change(user_in(request), obj):
            return False
        return super().has_change_permission(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Allow only superusers to give single permissions; others give groups."""
        fixed = tuple(str(name) for name in super().get_readonly_fields(request, obj))
        return fixed if user_in(request).is_superuser else (*fixed, "is_superuser", "user_permissions")

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer the groups that this admin can give."""
        if db_field.name == "groups":
            kwargs["queryset"] = groups_to_give(user_in(request))
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save; invite a new person, and notify the former address of a change."""
        super().save_model(request, obj, form, change)
        if not change:
            send_later("invitation", obj)
        elif "email" in form.changed_data:
            change_address(user=obj, before=form.initial["email"], by=user_in(request).display_name)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the groups, open or close Django's admin accordingly, and record the change in the audit trail."""
        super().save_related(request, form, formsets, change)
        update_staff_status(User.objects.filter(pk=form.instance.pk))
        _record_person(request, form, change)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Log which rights a person had and has now, not only that they changed."""
        changes: list[dict[str, Any]] = list(super().construct_change_message(request, form, formsets, add))
        for field in ("groups", "is_active", "is_superuser"):
            if field in form.changed_data and not add:
                before, after = (_in_words(data[field]) for data in (form.initial, form.cleaned_data))
                changes.append({"changed": {"name": field, "object": f"{before} → {after}", "fields": [field]}})
        return changes


def _record_person(request: HttpRequest, form: Any, change: bool) -> None:
    """Record the changes in the audit trail; of names and addresses, only that they changed."""
    person, changed = form.instance, set(form.changed_data)
    changes: dict[str, list[Any]] = {name: [] for name in ("username", "email") if name in changed}
    if changed & {"first_name", "last_name"}:
        changes["name"] = []
    for name in {"is_superuser", "groups", "user_permissions"} & changed:
        changes[name] = [_as_json(values[name]) for values in (form.initial, form.cleaned_data)]
    if not change:
        record_person_change(actor=actor_in(request), action=AuditAction.ISSUE, person=person)
    elif changes:
        record_person_change(actor=actor_in(request), action=AuditAction.CHANGE, person=person, changes=changes)
    if change and "is_active" in changed:
        action = AuditAction.ACTIVATE if person.is_active else AuditAction.DEACTIVATE
        Invitation.objects.filter(person=person).exclude(withdrawn_at=None).delete()  # else a list would open it again
        record_person_change(actor=actor_in(request), action=action, person=person)
        if not person.is_active:
            end_sessions(person)


def _as_json(value: Any) -> Any:
    """Return yes, no and texts as they are, and groups and permissions as their names."""
    return value if isinstance(value, bool | str) else sorted(str(item) for item in value)


def actor_in(request: HttpRequest) -> Actor:
    """Return the actor in Django's admin, with their address."""
    return actor_of(cast(PortalRequest, request))


def user_in(request: HttpRequest) -> User:
    """Return the signed-in person: everybody in Django's admin is one."""
    return cast(User, request.user)


def _in_words(value: Any) -> str:
    """Return groups as their names, and yes or no."""
    return str(value) if isinstance(value, bool) else ", ".join(sorted(str(group) for group in value)) or "-"


@admin.register(social_admin.SocialAccount)
class SocialAccountAdmin(LinksAdmin):
    """The links of accounts to the institution: for superusers, to read and to remove."""

    list_display = ("user", "uid", "provider", "last_login")
    search_fields = ("user__username", "uid")
    ordering = ("user__username",)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid creating links by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Forbid changing links by hand."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow superusers to read."""
        return user_in(request).is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Allow superusers to remove a link."""
        return user_in(request).is_superuser

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        """Remove the link, and record it in the audit trail."""
        record_person_change(actor=actor_in(request), action=AuditAction.UNLINK, person=obj.user)
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        """Remove several links, one by one."""
        for link in queryset:
            self.delete_model(request, link)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    """Groups; each may have a policy."""

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> tuple[str, ...]:
        """Allow only superusers to edit permissions, and to rename a group with a policy, or one that gives rights.

        Claims of the institution match the name: renaming a group could make somebody a member.
        """
        if user_in(request).is_superuser:
            return ()
        is_fixed = obj and (Policy.objects.filter(group=obj).exists() or _why_protected(request, obj))
        return ("name", "permissions") if is_fixed else ("permissions",)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Allow only superusers to change their own group, or one that grants more than they have."""
        return _is_for(request, obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        """Allow deleting groups one by one only, as on the portal's pages (accounts.group_rules)."""
        if obj is None or not _is_for(request, obj) or _why_protected(request, obj):
            return False
        if why_not_deleted(obj, user_in(request)):
            return False
        return super().has_delete_permission(request, obj)

    def get_form(self, request: HttpRequest, obj: Group | None = None, change: bool = False, **kwargs: Any) -> Any:
        """Refuse a name that the institution gives, unless the admin is a superuser."""
        form: Any = super().get_form(request, obj, change, **kwargs)
        actor = user_in(request)

        class NamedForm(form):
            def clean_name(self) -> str:
                name: str = self.cleaned_data["name"]
                if "name" in self.changed_data and (why := why_not_named(name, actor)):
                    raise ValidationError(why)
                return name

        return NamedForm

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Save the permissions, open or close Django's admin to the members accordingly, and audit it."""
        super().save_related(request, form, formsets, change)
        update_staff_status(User.objects.filter(groups=form.instance))
        changed = [name for name in ("name", "permissions") if name in form.changed_data]
        changes = {
            name: [_as_json(values.get(name, "")) for values in (form.initial, form.cleaned_data)] for name in changed
        }
        if changed or not change:
            action = AuditAction.CHANGE if change else AuditAction.ISSUE
            record_group_change(actor=actor_in(request), action=action, group=form.instance, changes=changes)

    def delete_model(self, request: HttpRequest, obj: Group) -> None:
        """Record it in the audit trail, with the policy that goes with it, and delete; close the admin to members."""
        members = list(obj.user_set.prefetch_related("groups"))
        names = {person: sorted(group.name for group in person.groups.all()) for person in members}
        changes = [
            (person, {"groups": [before, [name for name in before if name != obj.name]]})
            for person, before in names.items()
        ]
        record_people_changes(actor=actor_in(request), changes=changes)
        for policy in Policy.objects.filter(group=obj):
            record_policy_change(actor=actor_in(request), action=AuditAction.DELETE, policy=policy)
        record_group_change(actor=actor_in(request), action=AuditAction.DELETE, group=obj)
        super().delete_model(request, obj)
        update_staff_status(User.objects.filter(pk__in=[person.pk for person in members]))


def _why_protected(request: HttpRequest, group: Group) -> str:
    """Return why only superusers may rename or delete a group; "" for them, and where others may."""
    return "" if user_in(request).is_superuser else why_protected(with_origins(Group.objects.all()).get(pk=group.pk))


def _is_for(request: HttpRequest, group: Group | None) -> bool:
    """Return whether the signed-in person may change a group, or any group."""
    actor = user_in(request)
    if actor.is_superuser or group is None:
        return True
    return groups_to_give(actor).exclude(pk__in=own_groups(actor)).filter(pk=group.pk).exists()
