"""All content of a delta is read, not only its text."""

import pytest

from gateway.content import content_of

PICTURE = {"image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize("text", ["", "Here:"])
def test_a_delta_with_text_keeps_its_other_fields(text: str) -> None:
    thought = content_of({"content": text, "reasoning_content": "Hm."})
    drawn = content_of({"content": text, "images": [PICTURE]})
    called = content_of({"content": text, "tool_calls": [{"index": 0, "id": "a", "function": {"name": "f"}}]})

    assert (thought.text, thought.reasoning) == (text, "Hm.")
    assert (drawn.text, drawn.pictures) == (text, (PICTURE["image_url"]["url"],))
    assert (called.text, [call.name for call in called.tool_calls]) == (text, ["f"])
