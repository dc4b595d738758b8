"""Requests for generated code: plain, with all parameters, and with texts that try to become code."""

from base64 import b64encode
from typing import Any, Final

from playground.as_code.answers import Kind
from tests.playground.xss import STORABLE

ACTING: Final = [
    "it's \"quoted\" \\ and \\' \\\\ \\n",
    "$(touch pwned) `touch pwned` ${HOME} $HOME !! !touch %s {0} «key» «base_url» «body»",
    "'; touch pwned; '",
    '"; touch pwned; "',
    "\nJSON\ntouch pwned\n",
    "'\nJSON\ntouch pwned\n{ cat <<'JSON'\n",
    '"); open("pwned", "w"); ("',
    '"""\nopen("pwned", "w")\n"""',
    '"); file.create("pwned"); c("',
    ')"; file.create("pwned"); r"(',
    '"}); require("fs").writeFileSync("pwned", ""); ({x: "',
    '`${require("fs").writeFileSync("pwned", "")}`',
    "#{touch} @pwned <(touch pwned) | touch pwned && touch pwned",
    "two\nlines\r\n\tand a tab\n\n\nand more  \n  touch pwned\n",
    "é à ß 漢字 \u202egnp.exe\u2028\u2029\u00a0\u200b \U0001f600 👩\u200d🔬 \U000e0041 e\u0301",
    "\x01\x08\x0b\x0c\x1b[31m\x7f\x85",
    "\nimage1.png\n",
    "API_KEYS, 'true', NULL, NA, None",
    "",
    " ",
    "\n",
    "l'été " * 60 + "x" * 300 + "\n" * 3 + "fin",
]
TEXTS: Final = [*ACTING, *STORABLE]
NAMES: Final = [
    "it's",
    'a"b\\',
    "function",
    "if",
    "NULL",
    "a.b",
    "..1",
    "__proto__",
    "constructor",
    "$x",
    "é\n",
    "_",
    "T",
]
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": 'It\'s for `places` in "quotes".',
        "parameters": {
            "type": "object",
            "properties": {name: {"type": "string", "enum": ["one"]} for name in NAMES} | {"none": {}},
            "required": ["if"],
            "additionalProperties": False,
            "examples": [],
            "default": None,
            "minimum": 1e-7,
            "maximum": 100000,
        },
    },
}
EVERYTHING: Final[dict[str, Any]] = {
    "model": "general_nothink'\"",
    "messages": [
        {"role": "system", "content": "You're kind.\nBe short."},
        *({"role": "user" if at % 2 else "assistant", "content": text} for at, text in enumerate(TEXTS)),
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"it\'s": "é"}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "It's 20 °C."},
        {"role": "user", "name": "Ann-2", "content": "So?"},
    ],
    "temperature": 0.2,
    "top_p": 0.95,
    "n": 2,
    "max_tokens": 100000,
    "stop": ["\n"],
    "presence_penalty": -1.5,
    "frequency_penalty": 1.9,
    "logit_bias": {"50256": -100, "7": 1.5},
    "seed": 2147483648,
    "user": "o'neil",
    "tools": [TOOL],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "reasoning_effort": "low",
    "metadata": {name: f"{name}'s" for name in NAMES},
}
IMAGES: Final = {"png": bytes(range(256)) * 9, "jpeg": bytes(range(255, -1, -1)) * 500}
SEEING: Final[dict[str, Any]] = {
    "model": "sees",
    "n": 2,
    "messages": [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What's this?"},
                *(
                    {"type": "image_url", "image_url": {"url": f"data:image/{kind};base64,{b64encode(data).decode()}"}}
                    for kind, data in IMAGES.items()
                ),
                {"type": "image_url", "image_url": {"url": "data:image/gif;base64,R0lGODlhAQABAAAAACw="}},
            ],
        }
    ],
}
COMPLETING: Final[dict[str, Any]] = {
    "model": "old",
    "prompt": "Once upon a time,\nit's said,",
    "n": 2,
    "stop": ["END", "'"],
    "logit_bias": {"50256": -100},
    "max_tokens": 5,
}
BODIES: Final[dict[str, tuple[Kind, dict[str, Any]]]] = {
    "plain": ("chat", {"model": "m", "messages": [{"role": "user", "content": "Say hello."}]}),
    "everything": ("chat", EVERYTHING),
    "images": ("chat", SEEING),
    "completion": ("completion", COMPLETING),
    "embeddings": ("embeddings", {"model": "embedding", "input": ["It's", "one\ntwo"]}),
    "moderation": ("moderation", {"model": "moderation", "input": ["It's", "one\ntwo"]}),
}
