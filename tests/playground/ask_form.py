"""The Playground's form as a browser sends it."""

from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import QueryDict
from django.utils.datastructures import MultiValueDict

from keys.models import GatewayModel
from playground.forms import AskForm
from playground.models import Conversation

MODELS = [
    GatewayModel(name="small", max_output_tokens=4096),
    GatewayModel(name="eyes", features=["vision"]),
    GatewayModel(name="more-eyes", features=["vision", "tools"]),
]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


def submitted(*images: tuple[str, bytes], conversation: Conversation | None = None, **typed: Any) -> AskForm:
    """Return the form as a browser sends it, the message and the model filled in unless said otherwise."""
    data = QueryDict(mutable=True)
    data.update({"message": "Hello", "model": "eyes" if images else "small", **typed})
    files = [SimpleUploadedFile(name, content, "image/png") for name, content in images]
    return AskForm(data, MultiValueDict({"attachments": files}), models=MODELS, conversation=conversation)


def params_of(**typed: Any) -> dict[str, Any]:
    form = submitted(**typed)
    assert form.is_valid(), form.errors
    return form.params()


def error_of(field: str, *images: tuple[str, bytes], **typed: Any) -> str:
    """Return the one error of the form, which must be at this field."""
    form = submitted(*images, **typed)
    assert list(form.errors) == [field], form.errors
    [error] = form.errors[field]
    return str(error)
