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
def test_who_sent_a_form_comes_back_to_the_page_it_was_on(client: Client, referer: str, page: str) -> None:
    answer = client.post(reverse("keys:create"), {"label": "thesis"}, headers={"Referer": referer})

    assert (answer.status_code, answer["Location"]) == (302, f"{reverse('account_login')}?next={page}")


def test_who_asked_for_a_page_comes_back_to_it(client: Client) -> None:
    answer = client.get(reverse("keys:history"))

    assert answer["Location"] == f"{reverse('account_login')}?next={reverse('keys:history')}"
