"""The streams of OpenAI-compatible servers: the same short answer in the bytes of each.

Written after the servers' own sources and documentation; each with the bytes of an answer and what it reports.
"""

import json
from dataclasses import dataclass
from typing import Any

ID = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1764000000, "model": "bee-7b"}
USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """An answer in bytes, and what is to be read in them."""

    raw: bytes
    text: str = "Bees fly."
    reasoning: str = ""
    finish: str = "stop"
    tokens: tuple[int | None, int | None] = (9, 4)  # in, out; the latter is counted where nobody tells it
    failure: str = ""  # words of the server's error


def chunk(*choices: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {**ID, "choices": [{"index": 0, "finish_reason": None, **choice} for choice in choices], **more}


def delta(content: object = None, **more: Any) -> dict[str, Any]:
    return {"delta": {"content": content, **more}}


def data(*bodies: object, before: str = "data: ", after: str = "\n\n", done: str = "data: [DONE]\n\n") -> bytes:
    """Spell the bodies as events."""
    return "".join([*(f"{before}{json.dumps(body)}{after}" for body in bodies), done]).encode()


BEES, FLY, STOP = delta("Bees"), delta(" fly."), {"delta": {}, "finish_reason": "stop"}
SAID = (chunk(BEES), chunk(FLY), chunk(STOP), chunk(usage=USAGE))


DIALECTS: dict[str, Dialect] = {
    "OpenAI": Dialect(
        raw=data(chunk(delta("", role="assistant", refusal=None), logprobs=None), *SAID, before="data: ")
    ),
    "vLLM": Dialect(
        raw=data(
            chunk({**delta("", role="assistant"), "logprobs": None}, prompt_token_ids=None),
            chunk({**BEES, "logprobs": None, "token_ids": None}),
            chunk(FLY),
            chunk({**delta(""), "finish_reason": "stop", "stop_reason": None}),
            chunk(usage={**USAGE, "prompt_tokens_details": None}),
        )
    ),
    "vLLM, usage in each chunk": Dialect(
        raw=data(
            *(
                chunk(said, usage={"prompt_tokens": 9, "completion_tokens": count, "total_tokens": 9 + count})
                for count, said in enumerate([delta("", role="assistant"), BEES, FLY, STOP], start=1)
            )
        )
    ),
    "vLLM with a reasoning parser": Dialect(
        raw=data(
            chunk(delta(reasoning="They have", reasoning_content="They have")), chunk(delta(reasoning=" wings.")), *SAID
        ),
        reasoning="They have wings.",
    ),
    "vLLM, error": Dialect(
        raw=data(
            chunk(BEES),
            {"error": {"message": "EngineCore died", "type": "InternalServerError", "param": None, "code": 500}},
        ),
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="EngineCore died",
    ),
    "vLLM, error of an older release": Dialect(
        raw=data(
            chunk(BEES),
            {"object": "error", "message": "out of memory", "type": "BadRequestError", "param": None, "code": 400},
        ),
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="out of memory",
    ),
    "llama.cpp": Dialect(
        raw=data(
            chunk(delta(None, role="assistant"), system_fingerprint="b6000"),
            chunk({"delta": {"content": "Bees"}}, timings={"predicted_n": 1}),
            chunk(FLY),
            chunk(STOP),
            chunk(usage=USAGE, timings={"cache_n": 0, "predicted_per_second": float("1e5")}),
        )
    ),
    "llama.cpp, error": Dialect(
        raw=data(chunk(BEES), done="")
        + b'error: {"code":500,"message":"Context size has been exceeded.","type":"server_error"}\n\ndata: [DONE]\n\n',
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="Context size has been exceeded.",
    ),
    "Ollama": Dialect(
        raw=data(
            chunk(delta("", role="assistant", reasoning="They have wings."), system_fingerprint="fp_ollama"),
            chunk(delta("Bees", role="assistant")),
            chunk(delta(" fly.", role="assistant")),
            chunk({**delta("", role="assistant"), "finish_reason": "stop"}),
            chunk(usage=USAGE),
        ),
        reasoning="They have wings.",
    ),
    "TGI": Dialect(
        raw=data(
            chunk(delta("Bees", role="assistant"), usage=None),
            chunk({**delta(" fly.", role="assistant"), "finish_reason": "eos_token"}, usage=None),
            chunk(usage=USAGE),
            before="data:",
            done="data:[DONE]\n\n",
        ),
        finish="eos_token",
    ),
    "TGI, error": Dialect(
        raw=data(
            chunk(BEES),
            {"error": "Request failed during generation: Server error: NaN", "error_type": "generation"},
            before="data:",
            done="",
        ),
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="Request failed during generation",
    ),
    "OpenRouter": Dialect(
        raw=b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n"
        + data(
            chunk(delta("Bees", role="assistant"), provider="Hive"),
            chunk({**FLY, "native_finish_reason": None}),
            chunk({**delta("", role="assistant"), "finish_reason": "stop", "native_finish_reason": "completed"}),
            chunk(
                delta("", role="assistant"),
                usage={**USAGE, "cost": {"total_cost": 0.000015}, "is_byok": False, "cost_details": {"upstream": None}},
            ),
        )
    ),
    "OpenRouter, error": Dialect(
        raw=data(
            chunk(BEES),
            chunk(
                {**delta(""), "finish_reason": "error"},
                provider="Hive",
                error={"code": "server_error", "message": "Provider disconnected unexpectedly"},
            ),
            done="",
        ),
        text="Bees",
        tokens=(None, 1),
        finish="error",
        failure="Provider disconnected unexpectedly",
    ),
    "LM Studio, error": Dialect(
        raw=data(chunk(BEES), done="") + b'event: error\ndata: {"message":"Model unloaded.","code":503}\n\n',
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="Model unloaded.",
    ),
    "FastAPI, error": Dialect(
        raw=data(chunk(BEES), {"detail": "Internal Server Error"}, done=""),
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="Internal Server Error",
    ),
    "sse-starlette": Dialect(raw=b": ping - 2025-11-24 10:00:00+00:00\r\n\r\n" + data(*SAID).replace(b"\n", b"\r\n")),
    "lines that end with CR": Dialect(raw=data(*SAID).replace(b"\n", b"\r")),
    "byte-order mark, ids and retries": Dialect(
        raw=b"\xef\xbb\xbfretry: 3000\n\n" + data(*SAID, before="event: message\nid: 7\ndata: ")
    ),
    "JSON over several lines": Dialect(
        raw="".join(
            f"data: {line}\n" if line else "\n"
            for body in SAID
            for line in [*json.dumps(body, indent=1).split("\n"), ""]
        ).encode()
        + b"data: [DONE]\n\n"
    ),
    "no empty lines between events": Dialect(raw=data(*SAID, after="\n")),
    "no [DONE]": Dialect(raw=data(*SAID, done="")),
    "no [DONE], no last line end": Dialect(raw=data(*SAID, done="").rstrip()),
    "[DONE] without a line end": Dialect(raw=data(*SAID, done="data: [DONE]")),
    "Mistral, parts of content": Dialect(
        raw=data(
            chunk(delta([{"type": "thinking", "thinking": [{"type": "text", "text": "They have wings."}]}])),
            chunk(delta([{"type": "text", "text": "Bees"}])),
            chunk({**delta([{"type": "text", "text": " fly."}]), "finish_reason": "stop"}, usage=USAGE),
        ),
        reasoning="They have wings.",
    ),
    "Azure": Dialect(
        raw=data(
            {**ID, "object": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}, *SAID
        )
    ),
    "DeepSeek": Dialect(
        raw=data(
            chunk(delta(None, role="assistant", reasoning_content="They have wings.")),
            chunk(delta("Bees", reasoning_content=None)),
            chunk(FLY),
            chunk(
                {**delta("", reasoning_content=None), "finish_reason": "stop"},
                usage={**USAGE, "prompt_cache_hit_tokens": 0},
            ),
        ),
        reasoning="They have wings.",
    ),
    "Moonshot, usage in the choice": Dialect(raw=data(chunk(BEES), chunk(FLY), chunk({**STOP, "usage": USAGE}))),
    "zeros at the end": Dialect(
        raw=data(*SAID, chunk(usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}))
    ),
    "cut in the midst": Dialect(
        raw=data(chunk(BEES), done="") + b'data: {"choices": [{"delta": {"cont',
        text="Bees",
        finish="",
        tokens=(None, 1),
        failure="cut off",
    ),
}
