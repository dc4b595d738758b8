"""Pages lead those whom a policy leaves without a model to where it can be changed, or asked for."""

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse
from pytest_django.asserts import assertContains, assertNotContains

from accounts.models import User
from keys.catalogue import refresh_models
from tests.conftest import signed_in
from tests.factories import make_policy, make_user
from tests.sandbox_process import Sandbox


def test_people_who_cannot_change_policies_get_a_link_to_a_request(sandbox: Sandbox, db: None) -> None:
    make_policy(None, all_models=False, model_names=["nowhere"])
    helper = make_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_user"))
    refresh_models()

    page = signed_in(helper).get(reverse("catalogue:index"))

    assertNotContains(page, reverse("people:groups"))
    assertContains(page, reverse("approvals:ask"))


@pytest.mark.parametrize("page", ["keys:index", "catalogue:index", "playground:index", "playground:compare"])
def test_sends_no_admin_to_a_supervisor(sandbox: Sandbox, admin: User, intern: User, page: str) -> None:
    """An admin without a key or a model reads where policies are changed; an intern is led to where to ask."""
    make_policy("Admins", all_models=False, model_names=["nowhere"])
    make_policy("Interns", all_models=False, model_names=["nowhere"])
    refresh_models()

    assertNotContains(signed_in(admin).get(reverse(page)), reverse("approvals:ask"))
    assertContains(signed_in(admin).get(reverse(page)), reverse("people:groups"))
    assertContains(signed_in(intern).get(reverse(page)), reverse("approvals:ask"))
