"""The queries at the start of an answer: none for what was just written."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from tests.keys.playground_actions import use
from tests.playground import rows
from tests.playground.sse import send, stream_of
from tests.playground.streams import know_the_models
from tests.sandbox_process import Sandbox

pytestmark = pytest.mark.django_db


def test_images_that_were_just_written_are_not_read_again(intern: User, as_intern: Client, sandbox: Sandbox) -> None:
    use(intern)
    know_the_models()

    with CaptureQueriesContext(connection) as captured:
        picture = SimpleUploadedFile("cat.png", rows.PIXEL, "image/png")
        said = b"".join(stream_of(send(as_intern, "What is this?", attachments=picture)))

    of_images = [query["sql"].split(maxsplit=1)[0] for query in captured if '"playground_attachment"' in query["sql"]]
    assert b"cat.png" in said
    assert of_images == ["INSERT"]
