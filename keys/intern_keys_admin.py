"""Where admins find the keys of interns, to change the end of a stay. Nothing else of a key is changed here."""

from typing import TYPE_CHECKING

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from keys.models import Key

if TYPE_CHECKING:  # Django's own class takes no parameter when it runs
    KeysAdmin = admin.ModelAdmin[Key]
else:
    KeysAdmin = admin.ModelAdmin


class InternKeyAdmin(KeysAdmin):
    """The keys that people made for interns."""

    list_display = ("label", "intern_name", "owner", "stay_ends_on", "expires_at", "change_stay")
    list_display_links = None
    list_select_related = ("owner",)
    search_fields = ("label", "intern_name", "owner__username", "owner__last_name")
    ordering = ("stay_ends_on", "label")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Key]:
        """Return the keys that work and name an intern."""
        return super().get_queryset(request).filter(state=Key.State.ACTIVE).exclude(intern_name="")

    @admin.display(description="")
    def change_stay(self, key: Key) -> str:
        """Link to the form."""
        return format_html('<a href="{}">{}</a>', reverse("keys:stay", args=[key.pk]), _("Change the end of the stay"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Keys are made by their owners."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """Rows follow the gateway: none is edited by hand."""
        return False

    def has_view_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """Show the list to whoever may change the end of a stay; of one key there is no page."""
        return obj is None and request.user.has_perm("keys.change_key")

    def has_delete_permission(self, request: HttpRequest, obj: Key | None = None) -> bool:
        """Keys are deleted by their owners, at the gateway too."""
        return False
