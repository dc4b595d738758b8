"""Groups and policies in French: pages, refusals and what comes of the actions there."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Announcement, AuditEntry, Policy
from keys.models import GatewayModel
from tests.conftest import HTMX
from tests.factories import make_policy, make_user
from tests.french.conftest import Read, in_french
from tests.keys.actions import issue, live_token
from tests.people.test_policy_editor import edited, form_on
from tests.sandbox_process import Sandbox
from tests.tasks import run_tasks
from tests.usage.polling import end_cooldown, report_day, used
from usage.models import PollRun, utc_today
from usage.tasks import refresh_facts

pytestmark = pytest.mark.django_db


def test_groups_and_their_members(sandbox: Sandbox, read: Read) -> None:
    browser = in_french(make_user("manager", groups=("Admins",), first_name="Farid"))
    zoe = make_user("zoe", first_name="Zoé")

    read(browser.get("/people/groups/"))
    read(browser.get("/people/groups/", {"q": "xyz"}))
    for name in ("Staff", "", "Cours"):
        read(browser.post(reverse("people:new_group"), {"name": name}, follow=True))
    group = Group.objects.get(name="Cours")
    for name in ("group", "rename_group", "delete_group", "add_members"):
        read(browser.get(reverse(f"people:{name}", args=[group.pk]), {"q": "z"}))
    read(browser.get(reverse("people:group", args=[Group.objects.get(name="Admins").pk])))
    for data in ({}, {"names": "personne, zoe, manager"}, {"person": [zoe.pk], "step": "action"}, {"names": "zoe"}):
        read(browser.post(reverse("people:add_members", args=[group.pk]), data, follow=True))
    zoe.institution_groups.add(group)
    read(browser.get(reverse("people:remove_members", args=[group.pk]), {"person": zoe.pk}))
    read(browser.get(reverse("people:group", args=[group.pk])))
    zoe.institution_groups.clear()
    read(browser.get(reverse("people:remove_members", args=[group.pk]), {"person": zoe.pk}))
    for name, more in (("remove_members", {"person": zoe.pk, "step": "action"}), ("rename_group", {"name": "Staff"})):
        read(browser.post(reverse(f"people:{name}", args=[group.pk]), more, follow=True))
    read(browser.post(reverse("people:delete_group", args=[group.pk]), follow=True))


def test_the_editor_of_a_policy(sandbox: Sandbox, read: Read) -> None:
    browser = in_french(make_user("manager", groups=("Admins",), first_name="Farid"))
    GatewayModel.objects.create(name="small", mode="chat")
    make_policy("Cours", temporary__all_models=False, temporary__model_names=["small", "gone"])
    group = Group.objects.get(name="Cours")
    issue(make_user("zoe", groups=("Cours",), first_name="Zoé"))
    url = reverse("people:change_policy", args=[group.pk])

    read(browser.get(url))
    form = edited(browser, group, person_budget_usd="1", playground__allowed=[])
    for more in ({"temporary-lifetime_days": "0"}, {"step": "preview"}, {"version": "x"}):
        read(browser.post(url, {**form, **more}))
    read(browser.post(url, {**form_on(browser.get(url)), "step": "save"}))
    read(browser.post(url, {**form, "step": "save"}, follow=True))
    state = reverse("people:policy_state", args=[group.pk])
    for ask in (browser.get, browser.post):
        read(ask(state, headers=HTMX))
        read(ask(state, follow=True))
    read(browser.get(reverse("people:default_policy")))

    assert AuditEntry.objects.filter(object_kind="policy").count() == 1


def test_a_budget_of_a_group(sandbox: Sandbox, read: Read) -> None:
    boss = make_user("manager", groups=("Admins",), first_name="Farid")
    browser, zoe = in_french(boss), make_user("zoe", groups=("Cours",), first_name="Zoé")
    make_policy("Cours", group_budget_usd=10, group_budget_stops=True)
    group, key = Group.objects.get(name="Cours"), issue(zoe).key
    for usd in ("8", "10"):
        report_day(sandbox, utc_today(), used(live_token(key), usd=usd))
        end_cooldown()
        refresh_facts(PollRun.Kind.TODAY)
        run_tasks()
    for there in (reverse("people:group", args=[group.pk]), "/people/groups/", "/notices/"):
        read(browser.get(there))
    read(browser.post(f"/people/{zoe.pk}/keys/{key.pk}/unblock/"))
    form = edited(browser, group, group_budget_usd="9")
    read(browser.post(reverse("people:change_policy", args=[group.pk]), {**form, "step": "preview"}))
    Policy.objects.filter(group=group).update(group_budget_stops=False)
    read(browser.get(reverse("people:group", args=[group.pk])))
    read(browser.get("/notices/"))
    Policy.objects.filter(group=group).update(group_budget_stops=True)

    member = in_french(zoe)
    for there in ("/", f"/keys/{key.pk}/", "/playground/"):
        assert "a épuisé son budget pour" in read(member.get(there))
    assert "Votre groupe Cours a épuisé" in read(member.post("/keys/create/", {"label": "thèse", "kind": "temporary"}))


def test_what_is_refused_about_groups(read: Read, settings: Settings) -> None:
    boss = make_user("boss", groups=("Admins",), first_name="Zoé", is_superuser=True)
    browser = in_french(make_user("manager", groups=("Admins",), first_name="Farid"))
    make_policy("Cours")
    group = Group.objects.get(name="Cours")
    settings.OIDC_ISSUER = "https://id.example.edu"
    read(browser.get("/people/groups/"))
    read(browser.get(reverse("people:group", args=[group.pk])))
    group.user_set.add(boss)
    until = timezone.now() + timedelta(days=1)
    announcement = Announcement.objects.create(text_en="Exam", text_fr="Examen", ends_at=until, for_everybody=False)
    read(browser.get(reverse("people:delete_group", args=[group.pk])))
    announcement.groups.add(group)
    read(browser.get(reverse("people:delete_group", args=[group.pk])))
    settings.OIDC_GROUPS_ALLOWED = ["masters"]
    read(browser.post(reverse("people:new_group"), {"name": "masters"}))


def test_the_keys_that_a_policy_ends(sandbox: Sandbox, read: Read) -> None:
    browser = in_french(make_user("manager", groups=("Admins",), first_name="Farid"))
    make_policy("Cours")
    group = Group.objects.get(name="Cours")
    issue(make_user("zoe", groups=("Cours",), first_name="Zoé"))
    make_user("leo", email="zoe", first_name="Léo")
    url = reverse("people:change_policy", args=[group.pk])
    for change in ({"lifetime_days": "3"}, {"ends_at": "2020-01-01T00:00"}, {"ends_at": "1000-01-01T00:00"}):
        form = edited(browser, group, **{f"temporary__{name}": value for name, value in change.items()})
        read(browser.post(url, {**form, "step": "preview"}))
    read(browser.post(reverse("people:add_members", args=[group.pk]), {"names": "zoe"}))
