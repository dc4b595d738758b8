"""/chat/completions, /completions, /embeddings, /moderations."""

import asyncio
import base64
import hashlib
import json
import re
import struct
import time
from itertools import count
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox.answers import Answer, answer_to, count_words, text_of
from sandbox.calls import Call, open_call
from sandbox.config import usd
from sandbox.errors import error
from sandbox.provider import refusal_of
from sandbox.streams import Chunks, WordByWord, number_of, spell

Json = dict[str, Any]
_numbers = count(1)
_CATEGORIES = (
    "harassment harassment_threatening hate hate_threatening illicit illicit_violent self_harm self_harm_instructions "
    "self_harm_intent sexual sexual_minors violence violence_graphic"
)


async def _body(request: Request) -> Json:
    raw = await request.body()
    try:
        body = json.loads(raw or b"{}")
    except ValueError as exc:
        raise error(400, f"Invalid JSON payload: {exc}", "invalid_request_error", "request_body") from exc
    if not isinstance(body, dict):
        raise error(400, "Invalid JSON payload: not an object", "invalid_request_error", "request_body")
    return body


async def chat(request: Request) -> Response | ASGIApp:
    """Answer a chat."""
    call = open_call(request, await _body(request), needs="messages")
    messages = call.body["messages"]
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        message = "Invalid request format: litellm.APIConnectionError: messages must be a list of objects"
        raise call.refused(error(400, message, "invalid_request_error"))
    texts = [text_of(message.get("content")) for message in messages]
    answer = answer_to(" ".join(texts), texts[-1] if texts else "", call.body)
    return await _respond(call, answer, chat=True)


async def complete(request: Request) -> Response | ASGIApp:
    """Complete a prompt."""
    call = open_call(request, await _body(request), needs="prompt")
    prompt = text_of(call.body["prompt"])
    return await _respond(call, answer_to(prompt, prompt, call.body), chat=False)


async def _respond(call: Call, answer: Answer, *, chat: bool) -> Response | ASGIApp:
    await asyncio.sleep(answer.slow_ms / 1000)
    if (refusal := refusal_of(answer, call.body)) is not None:
        raise call.refused(refusal)
    kind = "chat.completion" if chat else "text_completion"
    head: Json = {"id": f"chatcmpl-sandbox-{next(_numbers)}", "created": int(time.time()), "model": call.body["model"]}
    if call.body.get("stream"):
        return _stream(call, answer, {**head, "object": kind + (".chunk" if chat else "")}, chat=chat)
    cost_pusd = call.cost_pusd(answer.prompt_tokens, answer.completion_tokens)
    headers = call.headers(cost_pusd)
    call.finish(answer.prompt_tokens, answer.completion_tokens, cached_tokens=answer.cached_tokens)
    choices = [
        {"finish_reason": answer.finish, "index": index, **_choice(answer, index, chat=chat)}
        for index in range(answer.choices)
    ]
    return JSONResponse({**head, "object": kind, "choices": choices, "usage": _usage(answer)}, headers=headers)


def _choice(answer: Answer, index: int, *, chat: bool) -> Json:
    text = number_of(index) + "".join(answer.words)
    if not chat:
        return {"text": text, "logprobs": None}
    message: Json = {"content": text, "role": "assistant"}
    if answer.thoughts:
        message["reasoning_content"] = "".join(answer.thoughts)
    if answer.tool_call is not None:
        message |= {"content": None, "tool_calls": [answer.tool_call]}
    return {"message": message}


def _usage(answer: Answer) -> Json:
    tokens = answer.prompt_tokens + answer.completion_tokens
    usage: Json = {"completion_tokens": answer.completion_tokens, "prompt_tokens": answer.prompt_tokens}
    usage["total_tokens"] = tokens
    if answer.thoughts:
        usage["completion_tokens_details"] = {"reasoning_tokens": len(answer.thoughts), "audio_tokens": 0}
    if answer.cached_tokens:
        usage["prompt_tokens_details"] = {"cached_tokens": answer.cached_tokens, "audio_tokens": 0}
    return usage


def _stream(call: Call, answer: Answer, head: Json, *, chat: bool) -> ASGIApp:
    options = call.body.get("stream_options")
    usage = None
    if isinstance(options, dict) and options.get("include_usage"):
        cost = usd(call.cost_pusd(answer.prompt_tokens, answer.completion_tokens))
        usage = {**_usage(answer), "cost": cost}
    pace_ms = call.state.config.pace_ms if answer.pace_ms is None else answer.pace_ms

    def settle(tokens: int) -> None:
        call.finish(answer.prompt_tokens, tokens, cached_tokens=answer.cached_tokens, failed=answer.breaks is not None)

    headers = {"content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", **call.headers(None)}
    return WordByWord(
        spell(answer, [Chunks(head=head, chat=chat, index=index) for index in range(answer.choices)], usage),
        pace_s=pace_ms / 1000,
        headers=headers,
        connections=call.state.connections,
        token=call.key.token if call.key else None,
        settle=settle,
    )


async def embed(request: Request) -> Response:
    """Embed texts: the same text, the same vector."""
    call = open_call(request, await _body(request), needs="input")
    given = call.body["input"]
    texts = [text_of(item) for item in (given if isinstance(given, list) else [given])]
    size = call.body.get("dimensions") if isinstance(call.body.get("dimensions"), int) else 16
    tokens = sum(map(count_words, texts))
    data = [
        {
            "embedding": _vector(text, size or 16, call.body.get("encoding_format")),
            "index": index,
            "object": "embedding",
        }
        for index, text in enumerate(texts)
    ]
    usage = {"completion_tokens": 0, "prompt_tokens": tokens, "total_tokens": tokens}
    headers = call.headers(call.cost_pusd(tokens, 0))
    call.finish(tokens, 0)
    body = {"model": call.body["model"], "data": data, "object": "list", "usage": usage}
    return JSONResponse(body, headers=headers)


def _vector(text: str, size: int, encoding: object) -> list[float] | str:
    digest = hashlib.shake_128(text.encode()).digest(2 * size)
    numbers = [value / 32768 for value in struct.unpack(f"<{size}h", digest)]
    if encoding == "base64":
        return base64.b64encode(struct.pack(f"<{size}f", *numbers)).decode()
    return numbers


async def moderate(request: Request) -> Response:
    """Flag violent texts."""
    call = open_call(request, await _body(request), needs="input")
    given = call.body["input"]
    texts = [text_of(item) for item in (given if isinstance(given, list) else [given])]
    headers = call.headers(0)
    call.finish(sum(map(count_words, texts)), 0)
    results = [_verdict(text) for text in texts]
    body = {"id": f"modr-sandbox-{next(_numbers)}", "model": call.body["model"], "results": results}
    return JSONResponse(body, headers=headers)


def _verdict(text: str) -> Json:
    violent = re.search(r"\b(kill|violence|violent)", text, re.IGNORECASE) is not None
    flags: Json = dict.fromkeys(_CATEGORIES.split())
    scores: Json = dict.fromkeys(_CATEGORIES.split())
    flags |= {"hate": False, "violence": violent}
    scores |= {"hate": 0.01, "violence": 0.97 if violent else 0.01}
    return {"categories": flags, "category_applied_input_types": None, "category_scores": scores, "flagged": violent}


ROUTES = [
    Route(prefix + path, view, methods=["POST"])
    for prefix in ("", "/v1")
    for path, view in (
        ("/chat/completions", chat),
        ("/completions", complete),
        ("/embeddings", embed),
        ("/moderations", moderate),
    )
]
