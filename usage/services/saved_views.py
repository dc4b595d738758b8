"""Saved views: kept and deleted by their owners."""

from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from usage.models import SavedView, utc_today
from usage.services.view_mails import due_day

MAX_VIEWS: Final = 50  # of one person
FIELDS: Final = ("name", "is_shared", "is_start", "mail")  # what its form changes


class ViewRefused(Exception):
    """The view cannot be saved; the text says why."""


def save_view(view: SavedView) -> None:
    """Save a new or changed view. The first mail comes with the next week or month.

    Raises ViewRefused when the owner has a view of that name, or too many.
    """
    with transaction.atomic():
        User.objects.select_for_update().get(pk=view.owner_id)  # one at a time
        others = SavedView.objects.filter(owner=view.owner_id).exclude(pk=view.pk)
        if others.filter(name__iexact=view.name).exists():
            raise ViewRefused(_("You have a view with this name."))
        if others.count() >= MAX_VIEWS:
            raise ViewRefused(_("You have %(number)s views. Delete one first.") % {"number": MAX_VIEWS})
        if view.is_start:
            others.filter(is_start=True).update(is_start=False)
        saved = SavedView.objects.filter(pk=view.pk)
        before = saved.values_list("mail", flat=True).first()
        changed: dict[str, Any] = {name: getattr(view, name) for name in FIELDS}
        if view.mail and view.mail != before:
            view.mailed_on = changed["mailed_on"] = due_day(view.mail, utc_today())
        if view._state.adding:
            view.save()
        else:  # a mail may be on its way: its fields are not those that were read with the form
            saved.update(**changed)
