"""Images of a message: identified by their bytes, few, small, and only for models with vision."""

import pytest
from pytest_django import Settings

from playground.forms import AskForm
from playground.services.requests import Upload
from tests.factories import make_intern
from tests.playground import rows
from tests.playground.ask_form import MODELS, error_of, submitted

GIF = b"GIF89a" + bytes(20)
JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + bytes(20)


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(rows.PIXEL, "image/png"), (GIF, "image/gif"), (JPEG, "image/jpeg"), (WEBP, "image/webp")],
)
def test_the_type_of_an_image_comes_from_its_bytes(content: bytes, media_type: str) -> None:
    form = submitted(("cat.txt", content))

    assert form.is_valid(), form.errors
    [picture] = form.uploads()
    assert (picture.name, picture.media_type, picture.data) == ("cat.txt", media_type, content)


@pytest.mark.parametrize("content", [b"MZ\x90\x00\x03", b"RIFF\x24\x00\x00\x00WAVEfmt ", b"\x89PNG\0"])
def test_a_file_that_is_neither_image_nor_text_is_refused(content: bytes) -> None:
    assert error_of("attachments", ("cat.png", content)).startswith("“cat.png” is of a kind that cannot be read.")


def test_an_image_alone_is_a_message() -> None:
    form = submitted(("a.gif", GIF), ("b.gif", GIF), message="")

    assert form.is_valid(), form.errors
    assert [picture.name for picture in form.uploads()] == ["a.gif", "b.gif"]


def test_images_are_few_and_small(settings: Settings) -> None:
    settings.PLAYGROUND_IMAGES, settings.PLAYGROUND_IMAGE_MB = 2, 1

    assert error_of("attachments", *[("a.gif", GIF)] * 3) == "At most 2 images with a message."
    assert (
        error_of("attachments", ("big.gif", GIF + bytes(1_000_000)))
        == "“big.gif” is too large: an image may have 1 MB."
    )
    assert submitted(("a.gif", GIF), ("b.gif", GIF.ljust(1_000_000))).is_valid()


def test_a_model_without_vision_names_models_with_vision() -> None:
    assert error_of("attachments", ("a.gif", GIF), model="small") == (
        "“small” takes no images. These do: eyes, more-eyes."
    )


@pytest.mark.django_db
def test_the_images_of_a_conversation_have_a_limit_together(settings: Settings) -> None:
    settings.PLAYGROUND_CONVERSATION_IMAGE_MB = 1
    conversation = rows.conversation(make_intern())
    rows.image(rows.message(conversation), data=GIF.ljust(600_000))
    rows.image(rows.message(rows.conversation(conversation.owner)), data=GIF.ljust(900_000))

    assert submitted(("a.gif", GIF.ljust(400_000)), conversation=conversation).is_valid()
    assert error_of("attachments", ("a.gif", GIF.ljust(400_001)), conversation=conversation) == (
        "The images and files of a conversation may have 1 MB. Begin a new one for more."
    )


@pytest.mark.django_db
def test_images_of_an_edited_message_have_the_same_limits(settings: Settings) -> None:
    settings.PLAYGROUND_CONVERSATION_IMAGE_MB = 1
    conversation = rows.conversation(make_intern())
    rows.image(rows.message(conversation), data=GIF.ljust(600_000))

    def reworded(model: str, size: int) -> dict[str, list[str]]:
        carried = [Upload(name="a.gif", media_type="image/gif", data=GIF.ljust(size))]
        form = AskForm({"model": model}, models=MODELS, conversation=conversation, with_message=False, carried=carried)
        return {field: list(map(str, errors)) for field, errors in form.errors.items()}

    assert reworded("eyes", 400_000) == {}
    assert reworded("small", 400_000) == {"model": ["“small” takes no images. These do: eyes, more-eyes."]}
    assert reworded("eyes", 400_001) == {
        "model": ["The images and files of a conversation may have 1 MB. Begin a new one for more."]
    }


@pytest.mark.parametrize(
    ("name", "shown"),
    [("a\u202egnp.exe\x00\n.gif", "agnp.exe.gif"), ("x" * 255, "x" * 200), ("\u200b", "file")],
)
def test_the_name_of_an_image_shows_what_it_is(name: str, shown: str) -> None:
    form = submitted((name, GIF))

    assert form.is_valid(), form.errors
    assert form.uploads()[0].name == shown
