import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("referer", "page"),
    [
        ("http://testserver/keys/history/?page=2", "/keys/history/%3Fpage%3D2"),
        ("http://testserver", "/"),
        ("https://elsewhere.example.org/keys/", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
    ],
)
def test_after_signing_in_the_page_of_a_form_is_shown(client: Client, referer: str, page: str) -> None:
    answer = client.post(reverse("keys:create"), {"label": "thesis"}, headers={"Referer": referer})

    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('account_login')}?next={page}")


def test_after_signing_in_the_requested_page_is_shown(client: Client) -> None:
    answer = client.get(reverse("keys:history"))

    assert answer["Location"] == f"{reverse('account_login')}?next={reverse('keys:history')}"
