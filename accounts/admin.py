"""Django's admin: its title, its sign-in page, and the read-only audit trail."""

from typing import TYPE_CHECKING

from allauth.account.decorators import secure_admin_login
from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import AuditEntry

if TYPE_CHECKING:  # Django's own classes take no parameter at run time
    TrailAdmin = admin.ModelAdmin[AuditEntry]
else:
    TrailAdmin = admin.ModelAdmin

admin.site.site_header = _("Passerelle: administration")
admin.site.site_title = _("Passerelle")
admin.site.index_title = _("People and policies")
admin.site.site_url = settings.PORTAL_PATH
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # one sign-in page, with its rate limits


@admin.register(AuditEntry)
class AuditEntryAdmin(TrailAdmin):
    """Who did what to which key, policy or person; to read only."""

    list_display = ("at", "what_happened", "remark", "object_kind", "named", "subject")
    readonly_fields = (*list_display, "object_id", "on_behalf_of", "outcome", "address")
    list_filter = ("object_kind", "action", "outcome", "at")
    search_fields = ("label", "actor_name", "subject__username", "on_behalf_of", "=object_id", "=address")
    search_help_text = _("Label, author, user name of the person concerned, intern, full number or network address")
    ordering = ("-at", "-id")
    list_select_related = ("actor", "subject", "repeats")
    show_full_result_count = False  # counting all entries costs more than reading a page of them

    @admin.display(description=_("what happened"))
    def what_happened(self, entry: AuditEntry) -> str:
        """Show the entry as its sentence."""
        return entry.sentence

    @admin.display(description=_("label"), ordering="label")
    def named(self, entry: AuditEntry) -> str:
        """Name the object of the entry."""
        return entry.object_name

    @admin.display(description=_("detail"))
    def remark(self, entry: AuditEntry) -> str:
        """Show further details, in the reader's language."""
        return entry.remark

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Forbid adding entries by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Forbid changing an entry."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditEntry | None = None) -> bool:
        """Forbid deleting an entry."""
        return False
