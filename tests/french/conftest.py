"""Shared by the tests of French pages: a browser that requests French, and a check for other languages."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from django.utils.translation import trans_real

from accounts.models import User
from keys.models import Key
from tests.french.reading import Reader, english_in, prose_of

if TYPE_CHECKING:
    from django.test.client import _MonkeyPatchedWSGIResponse as Response

Read = Callable[["Response"], str]
NAMES_GIVEN = ("Staff B", "Intern A", "Interns", "Staff", "Admins", "general_nothink")


def in_french(user: User | None = None, **options: Any) -> Client:
    """Return a browser that asks for French."""
    client = Client(headers={"accept-language": "fr"}, **options)
    if user:
        client.force_login(user)
    return client


@pytest.fixture
def reader(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reader]:
    """Stand behind the French catalogues of Django, allauth and ours."""
    reader = Reader()
    monkeypatch.setattr(trans_real.translation("fr"), "_fallback", reader)
    yield reader
    assert reader.missed == set()


@pytest.fixture
def read(reader: Reader) -> Read:
    """Return how to read a page: it must be wholly in French; answers its words."""

    def read(response: "Response") -> str:
        labels = Key.objects.values_list("label", flat=True)
        words = prose_of(response, *labels, *NAMES_GIVEN)
        assert english_in(words) == [], words
        whole = b"<!doctype html>" in response.content
        assert not whole or b'<html lang="fr"' in response.content
        return words

    return read
