"""The link to Django's admin is shown to people with access only."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from accounts.models import User
from tests.accounts.signing_in import SignIn
from tests.factories import make_user


@pytest.mark.parametrize(("groups", "is_staff"), [(("Admins",), False), (("Staff",), True), ((), False)])
def test_the_link_to_the_administration_leads_there(
    client: Client, sign_in: SignIn, db: None, groups: tuple[str, ...], is_staff: bool
) -> None:
    """Whatever "staff status" was when they came: in a group that was given by a command, or with one left behind."""
    make_user("ada", groups=groups, is_staff=is_staff)
    sign_in("ada")

    page = client.get(reverse("account_email"))
    admin = client.get(reverse("admin:index"), follow=True)

    is_open = groups == ("Admins",)
    assert ("Administration" in page.content.decode()) is is_open
    assert admin.status_code == (200 if is_open else 403)
    if not is_open:
        assertContains(admin, "You do not have access", status_code=403)
    assert User.objects.get().is_staff is is_open
