"""Images are displayed as images, to their owner, and never executed."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from playground.models import Attachment
from tests.playground import rows
from web.files import store_file

HOSTILE = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


@pytest.fixture
def picture(intern: User) -> Attachment:
    conversation = rows.conversation(intern, ("a", "1"))
    return rows.image(rows.last_answer(conversation).message, name='"><script>.svg')


def url(image: Attachment) -> str:
    return reverse("playground:image", args=[image.pk])


def test_returns_the_bytes_that_were_sent(as_intern: Client, picture: Attachment) -> None:
    response = as_intern.get(url(picture))

    assert response.content == rows.PIXEL
    assert response["Content-Type"] == "image/png"


def test_headers_allow_a_browser_to_display_it_only(as_intern: Client, picture: Attachment) -> None:
    response = as_intern.get(url(picture))

    assert response["Content-Disposition"] == 'inline; filename="image.png"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert response["Cache-Control"] == "private, max-age=3600, immutable"


@pytest.mark.parametrize("media_type", ["image/svg+xml", "text/html", "", "image/png; charset=x", "IMAGE/PNG"])
def test_serves_no_other_type(as_intern: Client, picture: Attachment, media_type: str) -> None:
    Attachment.objects.update(media_type=media_type, file=store_file(HOSTILE), size=len(HOSTILE))

    assert as_intern.get(url(picture)).status_code == 404


def test_is_for_its_owner_alone(as_staff: Client, as_admin: Client, picture: Attachment) -> None:
    assert [client.get(url(picture)).status_code for client in (as_staff, as_admin)] == [404, 404]
