"""Announcements at the top of every page: who sees which, dismissed for oneself, published by whoever may."""

import re
from datetime import timedelta

from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Announcement, AuditEntry, User
from notices.views.announcements import OVER_SHOWN
from tests.conftest import signed_in
from tests.factories import make_user
from tests.keys.views.pages import words_of
from tests.notices.conftest import announce, dismissal
from tests.people.conftest import with_permissions

LIST, NEW, DISMISS = "/announcements/", "/announcements/new/", "/notices/dismiss/"


def form_of(**fields: object) -> dict[str, object]:
    now = timezone.now()
    moments = {"starts_at": now - timedelta(minutes=5), "ends_at": now + timedelta(days=2)}
    texts = {"text_en": "Moved on Friday.", "text_fr": "Panne vendredi."}
    return {
        **{name: f"{moment:%Y-%m-%dT%H:%M}" for name, moment in moments.items()},
        **texts,
        "level": "warning",
        "for_everybody": True,
        "step": "save",
        **fields,
    }


def url_of(name: str, announcement: Announcement) -> str:
    return reverse(f"notices:{name}", args=[announcement.pk])


def test_shows_current_announcements_for_the_reader(intern: User, staff: User) -> None:
    now = timezone.now()
    announce("For all.")
    announce("For interns.", "Interns", "Others")
    announce("Planned.", starts_at=now + timedelta(hours=1))
    announce("Over.", starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))

    pages = {person.username: words_of(signed_in(person).get("/get-started/")) for person in (intern, staff)}

    said = {
        who: [text for text in ("For all.", "For interns.", "Planned.", "Over.") if text in page]
        for who, page in pages.items()
    }
    assert said == {"intern": ["For all.", "For interns."], "staff": ["For all."]}
    french = signed_in(staff).get("/get-started/", headers={"accept-language": "fr"})
    assert "FR For all." in words_of(french)


def test_is_shown_to_nobody_more_when_its_group_is_deleted(publisher: User, as_intern: Client, staff: User) -> None:
    announcement = announce("For a course.", "Course")

    Group.objects.get(name="Course").delete()

    for browser in (as_intern, signed_in(staff)):
        assert "For a course." not in words_of(browser.get("/get-started/"))
    browser = signed_in(publisher)
    assert "nobody: its groups were deleted" in words_of(browser.get(LIST))
    page = browser.get(url_of("announcement", announcement)).content.decode()
    assert re.search(r'name="for_everybody" value="False"[^>]* checked', page), "saving it does not show it to all"


def test_costs_no_query_without_announcements_and_one_for_several(as_intern: Client) -> None:
    asked = []
    for number in range(4):
        with CaptureQueriesContext(connection) as queries:
            as_intern.get("/get-started/")
        asked.append(len(queries))
        announce(f"Number {number}.")

    assert [count - asked[0] for count in asked] == [0, 1, 1, 1]


def test_a_dismissal_counts_for_one_person(as_intern: Client, staff: User) -> None:
    announcement = announce("For all.")
    form = dismissal("announcement", announcement)

    assert as_intern.post(DISMISS, {**form, "next": "/models/"})["Location"] == "/models/"
    assert as_intern.post(DISMISS, {**form, "next": "https://elsewhere.example/"})["Location"] == "/notices/"

    assert "For all." not in words_of(as_intern.get("/"))
    assert "For all." in words_of(signed_in(staff).get("/"))
    assert announcement.dismissals.count() == 1


def test_text_is_escaped_and_only_urls_become_links(as_intern: Client) -> None:
    announce(
        '<b>Bold</b> javascript:alert(1) https://example.edu/a?b=1&c="2\n\nSecond <script>x</script>\n\n'
        "www.example.edu/x http://old.example.edu/"
    )

    page = as_intern.get("/get-started/").content.decode()

    assert "&lt;b&gt;Bold&lt;/b&gt; javascript:alert(1) " in page
    assert 'href="https://example.edu/a?b=1&amp;c=' in page
    assert 'href="https://www.example.edu/x" rel="nofollow">www.example.edu/x</a>' in page
    assert 'href="http://old.example.edu/" rel="nofollow">http://old.example.edu/</a>' in page
    assert "<p>Second &lt;script&gt;x&lt;/script&gt;</p>" in page


def test_a_preview_saves_nothing(publisher: User) -> None:
    page = signed_in(publisher).post(NEW, form_of(step="preview"))

    assert page.status_code == 200
    assert "Preview English Moved on Friday. Français Panne vendredi." in words_of(page)
    assert not Announcement.objects.exists()


def test_publishing_changing_and_deleting_are_audited(publisher: User, as_intern: Client) -> None:
    browser = signed_in(publisher)
    assert browser.post(NEW, form_of()).status_code == 302
    announcement = Announcement.objects.get()
    assert "Moved on Friday." in words_of(as_intern.get("/"))
    as_intern.post(DISMISS, dismissal("announcement", announcement))

    browser.post(
        url_of("announcement", announcement), form_of(ends_at=f"{timezone.now() + timedelta(days=9):%Y-%m-%dT%H:%M}")
    )
    assert "Moved on Friday." not in words_of(as_intern.get("/")), "only its end has changed"
    browser.post(url_of("announcement", announcement), form_of(text_en="On Monday."))
    assert "On Monday." in words_of(as_intern.get("/"))
    assert browser.get(url_of("delete_announcement", announcement)).status_code == 200
    browser.post(url_of("delete_announcement", announcement))

    assert "On Monday." not in words_of(as_intern.get("/"))
    entries = AuditEntry.objects.filter(object_kind="announcement").order_by("pk")
    assert [entry.action for entry in entries] == ["issue", "change", "change", "delete"]
    assert {entry.actor for entry in entries} == {publisher}
    assert "text in English: Moved on Friday. → On Monday." in entries[2].remark
    assert "text in French: – → Panne vendredi." in entries[0].remark
    assert "text in English: On Monday. → –" in entries[3].remark


def test_saves_no_invalid_announcement(publisher: User) -> None:
    yesterday = f"{timezone.now() - timedelta(days=1):%Y-%m-%dT%H:%M}"
    group = Group.objects.get(name="Interns")
    wrong: list[dict[str, object]] = [
        {"text_en": ""},
        {"text_fr": " \n "},
        {"text_en": "x" * 1001},
        {"text_en": "Hidden \u202e text"},
        {"text_en": "sk-" + "a1B2c3D4e5F6g7H8i9J0k1"},
        {"level": "loud"},
        {"ends_at": yesterday, "starts_at": "2026-01-01T10:00"},
        {"ends_at": "soon"},
        {"starts_at": f"{timezone.now() + timedelta(days=3):%Y-%m-%dT%H:%M}"},
        {"groups": [4711], "for_everybody": False},
        {"for_everybody": False},
        {"groups": [group.pk]},
        {"for_everybody": ""},
    ]

    statuses = [signed_in(publisher).post(NEW, form_of(**fields)).status_code for fields in wrong]

    assert statuses == [422] * len(wrong)
    assert not Announcement.objects.exists()


def test_publishing_requires_permission(publisher: User, as_intern: Client) -> None:
    announcement = announce()
    as_reader = signed_in(with_permissions("reader", "view_people", "view_everyone"))
    as_manager = signed_in(make_user("manager", groups=("Admins",)))
    addresses = [LIST, NEW, url_of("announcement", announcement), url_of("delete_announcement", announcement)]

    for who, browser in {"reader": as_reader, "intern": as_intern}.items():
        seen = [browser.get(address).status_code for address in addresses]
        sent = [browser.post(address, form_of()).status_code for address in addresses[1:]]
        assert (who, seen, sent) == (who, [403] * 4, [403] * 3)
        assert f'href="{LIST}"' not in browser.get("/usage/").content.decode()
        assert f'href="{LIST}"' not in browser.get("/people/").content.decode()
    assert Announcement.objects.get().text_en == "We move on Friday."
    for browser, page in ((signed_in(publisher), "/usage/"), (as_manager, "/people/")):
        assert [browser.get(address).status_code for address in addresses] == [200] * 4
        assert f'href="{LIST}"' in browser.get(page).content.decode()
    assert signed_in(publisher).get(reverse("notices:announcement", args=[4711])).status_code == 404


def test_lists_current_planned_and_past_ones(publisher: User) -> None:
    now = timezone.now()
    announce("Over.", starts_at=now - timedelta(days=2), ends_at=now - timedelta(days=1))
    announce("Planned.", "Interns", starts_at=now + timedelta(hours=1))

    page = words_of(signed_in(publisher).get(LIST))

    assert page.index("Shown now None.") < page.index("Planned Planned.") < page.index("Over Over.")


def test_the_list_takes_few_queries_and_shows_the_last_that_are_over(publisher: User) -> None:
    now = timezone.now()
    for number in range(OVER_SHOWN + 1):
        announce(f"Over {number:02}.", "Interns", ends_at=now - timedelta(minutes=number))
    announce("Shown.", "Interns")
    browser = signed_in(publisher)

    with CaptureQueriesContext(connection) as queries:
        page = words_of(browser.get(LIST))

    assert len(queries) <= 8
    assert "Shown." in page
    assert page.count("Delete Over ") == OVER_SHOWN


def test_limits_saves_per_hour(publisher: User, settings: Settings) -> None:
    settings.KEY_ACTIONS_PER_HOUR = 1
    browser = signed_in(publisher)

    statuses = [browser.post(NEW, form_of()).status_code for _ in range(2)]

    assert statuses == [302, 429]
    assert Announcement.objects.count() == 1
