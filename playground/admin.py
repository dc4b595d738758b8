"""People in Django's admin, with the action that anonymises a person."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.models import User
from accounts.people_admin import actor_in, user_in
from keys import admin as keys_admin
from playground.services.anonymise import anonymise, belongings_of

admin.site.unregister(User)


@admin.register(User)
class UserAdmin(keys_admin.UserAdmin):
    """People who can be anonymised."""

    def get_urls(self) -> list[Any]:
        """Add the page that anonymises a person."""
        view = self.admin_site.admin_view(require_http_methods(["GET", "HEAD", "POST"])(self.anonymise))
        return [path("<int:person_id>/anonymise/", view, name="accounts_user_anonymise"), *super().get_urls()]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Leave anonymised people as they are."""
        return not (obj and obj.anonymised_at) and super().has_change_permission(request, obj)

    def anonymise(self, request: HttpRequest, person_id: int) -> HttpResponse:
        """Say what is deleted and what stays; on POST, anonymise. A second click finds it done."""
        person = get_object_or_404(User, pk=person_id)
        actor = user_in(request)
        if person.anonymised_at and self.has_view_permission(request, person):
            messages.info(request, _("Nothing changed: this account is anonymised already."))
            return redirect("admin:accounts_user_change", person.pk)
        if person.pk == actor.pk or not self.has_change_permission(request, person):
            raise PermissionDenied
        if request.method != "POST":
            context = {
                **self.admin_site.each_context(request),
                "opts": self.opts,
                "title": _("Anonymise %(name)s?") % {"name": person.display_name},
                "person": person,
                "belongings": belongings_of(person),
            }
            return TemplateResponse(request, "admin/accounts/user/anonymise.html", context)
        anonymise(person=person, actor=actor_in(request))
        person.refresh_from_db()
        words = _("Anonymised: the account is “%(name)s” now. Its keys are deleted at the gateway in the background.")
        messages.success(request, words % {"name": person.username})
        return redirect("admin:accounts_user_change", person.pk)
