"""Saved views: kept by their owner, opened with the rights of the reader."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.anonymise import anonymise_account
from accounts.models import User
from tests.conftest import signed_in
from tests.factories import make_user
from tests.keys.views.pages import words_of
from usage.models import SavedView, utc_today
from usage.services.saved_views import MAX_VIEWS, save_view

SAVE = "/usage/views/save/"
QUERY = "metric=requests&split=person&group=Vision&period=7d"


@pytest.fixture
def view(admin: User) -> SavedView:
    return SavedView.objects.create(owner=admin, name="Vision, weekly", page="usage:everyone", query=QUERY)


def address(name: str, view: SavedView) -> str:
    return reverse(f"usage:{name}", args=[view.pk])


def test_saves_what_the_page_shows(as_admin: Client, admin: User) -> None:
    url = f"{SAVE}?of=usage:everyone&split=person&group=Vision&period=7d&metric=requests&rows=3&odd=1"
    assert as_admin.get(url).status_code == 200

    response = as_admin.post(url, {"name": "Vision", "mail": "weekly"})

    assert response.status_code == 302
    view = SavedView.objects.get(owner=admin)
    assert (view.name, view.page, view.mail) == ("Vision", "usage:everyone", "weekly")
    assert view.query == "group=Vision&period=7d&metric=requests&split=person"
    assert "Vision" in words_of(as_admin.get(reverse("usage:views")))


def test_refuses_bad_input(as_intern: Client, intern: User) -> None:
    SavedView.objects.create(owner=intern, name="Mine", page="usage:index")

    for data in (
        {"name": ""},
        {"name": "x" * 61},
        {"name": "a\u202eb"},
        {"name": "mine"},
        {"name": "Other", "mail": "hourly"},
    ):
        assert as_intern.post(SAVE, data).status_code == 422
    assert as_intern.post(f"{SAVE}?of=usage:runs", {"name": "Other"}).status_code == 404
    assert as_intern.post(f"{SAVE}?of=usage:everyone", {"name": "Other"}).status_code == 403
    views = [SavedView(owner=intern, name=str(number), page="usage:index") for number in range(1, MAX_VIEWS)]
    SavedView.objects.bulk_create(views)
    assert "You have 50 views" in words_of(as_intern.post(SAVE, {"name": "Other"}))
    assert SavedView.objects.count() == MAX_VIEWS


def test_a_stranger_finds_a_view_only_while_it_is_shared(view: SavedView, as_reader: Client) -> None:
    assert as_reader.get(address("view", view)).status_code == 404
    SavedView.objects.update(is_shared=True)

    assert as_reader.get(address("view", view))["Location"] == f"/usage/everyone/?{QUERY}"
    for name in ("change_view", "delete_view"):
        assert as_reader.get(address(name, view)).status_code == 404
        assert as_reader.post(address(name, view), {"name": "Theirs"}).status_code == 404
    assert SavedView.objects.get().name == "Vision, weekly"


def test_a_reader_without_the_right_sees_their_own_usage(view: SavedView, as_intern: Client) -> None:
    SavedView.objects.update(is_shared=True)

    response = as_intern.get(address("view", view), follow=True)

    assert response.redirect_chain == [("/usage/?period=7d&metric=requests", 302)]  # no group, nobody's name
    assert "with the usage of your own keys" in words_of(response)


def test_one_view_opens_with_usage(view: SavedView, as_admin: Client, admin: User) -> None:
    other = SavedView.objects.create(owner=admin, name="Other", page="usage:index", is_start=True)
    assert as_admin.get("/usage/start/")["Location"] == "/usage/"

    as_admin.post(address("change_view", view), {"name": "Renamed", "is_start": "on"})

    assert as_admin.get("/usage/start/")["Location"] == f"/usage/everyone/?{QUERY}"
    other.refresh_from_db()
    assert not other.is_start
    assert signed_in(make_user("somebody")).get("/usage/start/")["Location"] == "/usage/"


def test_a_change_leaves_a_mail_that_went_out_meanwhile(view: SavedView) -> None:
    view.name = "Read before the mail"
    SavedView.objects.update(mailed_on=utc_today())

    save_view(view)

    saved = SavedView.objects.get()
    assert (saved.name, saved.mailed_on) == ("Read before the mail", utc_today())


def test_is_deleted_after_a_question_and_with_its_owner(view: SavedView, as_admin: Client, admin: User) -> None:
    assert as_admin.get(address("delete_view", view)).status_code == 200
    assert SavedView.objects.exists()
    assert as_admin.post(address("delete_view", view)).status_code == 302
    assert not SavedView.objects.exists()

    view.save(force_insert=True)
    anonymise_account(admin)
    assert not SavedView.objects.exists()


def test_no_view_keeps_the_name_of_somebody_who_is_anonymised(view: SavedView, intern: User) -> None:
    for query in (f"person=bob%7C{intern.username.upper()}&period=7d", f"supervisor={intern.username}"):
        SavedView.objects.create(owner=view.owner, name=query, page="usage:everyone", query=query)
    SavedView.objects.create(owner=view.owner, name="model", page="usage:index", query=f"model={intern.username}")

    anonymise_account(intern)

    assert set(SavedView.objects.values_list("name", flat=True)) == {"Vision, weekly", "model"}


def test_pages_take_no_other_method(view: SavedView, as_admin: Client) -> None:
    urls: list[Any] = [reverse("usage:views"), reverse("usage:start"), address("view", view)]

    assert [as_admin.post(url).status_code for url in urls] == [405] * 3
    assert as_admin.put(SAVE).status_code == 405
