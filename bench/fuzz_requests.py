"""Fuzzed requests for every page and form: built from the pages, with values that often cause errors. Seeded."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, urljoin, urlsplit

from django.urls import URLPattern, URLResolver, get_resolver

MULTIPART: Final = "multipart/form-data; boundary=limit"
URLENCODED: Final = "application/x-www-form-urlencoded"
TEXTS: Final = [
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "'",
        '"',
        "%",
        "%00",
        "é",
        "a@b",
        "//x",
        "../../etc/passwd",
        "a,b;c=d",
        "=cmd()",
        "\r\nX: y",
    ),
    *("0", "00", "-1", "+1", "1.5", "1_000", "٣", "²", "½", "1e9999", "NaN", "-Infinity", "9" * 25, "9" * 5000),
    *("true", "null", "[]", "{}", "[" * 900, '{"a":' * 900, '"\\ud800"', '{"a": 1e999}', "[1, 2", '{"\\u0000": 1}'),
    *("2026-02-30", "0000-00-00", "0001-01-01", "9999-12-31", "10000-01-01", "2026-11-28T25:00", "28/11/2026"),
    *("not-a-uuid", "00000000-0000-0000-0000-000000000000", "__all__", "None", "-pk", "pk__in", "password"),
    *("javascript:alert(1)", "<script>alert(1)</script>", "{{7*7}}", "%s%n", "\u202e", "\ufeff", "\u2028", "🙂" * 300),
    *("x" * 300, "x" * 10_000, "\n" * 2000, "sk-" + "a" * 40, "a b" * 2000),
]
RAW: Final = ["%ff%fe", "%80", "%ed%a0%80", "%00", "%", "%zz", "+", "%0d%0aX:%20y", "%c0%af", "%f4%90%80%80"]  # as sent
NAMES: Final = [
    "page",
    "p",
    "q",
    "o",
    "all",
    "next",
    "sort",
    "days",
    "first",
    "last",
    "person",
    "key",
    "model",
    "_popup",
]
HEADERS: Final = {
    "Accept-Language": ["", "fr;q=x", "xx-" * 400, "en-us" * 300, "*", "fr\xe9", "fr;q=1e9,en;q=-1"],
    "Accept": ["", "*", "text/html;q=x", "application/json", "a/b;" * 500],
    "Referer": ["", "a@b", "https://elsewhere.example.org/", "https://[::1", "\xff", "/" * 3000],
    "HX-Request": ["true"],
    "HX-Current-URL": ["", "a@b", "http://[", "\xe9", "/" * 3000],
    "HX-Target": ["x" * 2000, "\xff", "#"],
    "Range": ["bytes=0-", "bytes=9-1", "bytes=-", "bytes=" + "1-2," * 500, "x"],
    "If-Modified-Since": ["", "yesterday", "Thu, 01 Jan 0001 00:00:00 GMT", "Sat, 31 Feb 2026 25:61:61 GMT", "9" * 200],
    "If-None-Match": ["*", '"x"', "\xff", "W/" * 500],
    "X-Forwarded-For": ["", "x", "1.2.3.4," * 200, "::ffff:1.2.3.4", "1.2.3.4\xff"],
    "Content-Encoding": ["gzip"],
    "Origin": ["null", "https://[", "https://elsewhere.example.org"],
}
COOKIES: Final = ["\xe9\xff", "x" * 3000, '"', "a b", "fr-" * 300, "\\000\\377", "/../"]
TYPES: Final = ["", "text/plain", "application/json", f"{URLENCODED}; charset=utf-7", f"{URLENCODED}; charset=\xff"]
TYPES_OF_PARTS: Final = [
    MULTIPART,
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "multipart/mixed; boundary=limit",
]


@dataclass(slots=True)
class Form:
    """A form of a page: its fields with the values that it would send."""

    page: str
    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    multipart: bool = False


@dataclass(slots=True)
class Odd:
    """A request as it is sent. `cookies` are added to that of the session."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class Page(HTMLParser):
    """The forms and the links of a page."""

    def __init__(self, address: str, text: str) -> None:
        super().__init__()
        self.address, self.forms, self.links = address, list[Form](), set[str]()
        self._select = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms and links."""
        attributes = {name: value or "" for name, value in attrs}
        for name in ("href", "hx-get", "data-url"):
            if attributes.get(name):
                self.links.add(attributes[name])
        if tag == "form":
            action = attributes.get("action") or self.address
            form = Form(self.address, action, attributes.get("method", "get").upper())
            form.multipart = "multipart" in attributes.get("enctype", attributes.get("hx-encoding", ""))
            self.forms.append(form)
        elif not self.forms:
            return
        elif tag in ("input", "button", "textarea") and attributes.get("name"):
            self.forms[-1].fields.append((attributes["name"], attributes.get("value", "")))
        elif tag == "select":
            self._select = attributes.get("name", "")
        elif tag == "option" and self._select:
            self.forms[-1].fields.append((self._select, attributes.get("value", "")))


def routes(resolver: URLResolver | None = None, prefix: str = "/") -> Iterator[str]:
    """Yield all routes of the portal, as Django writes them: "/keys/<uuid:key_id>/"."""
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern).removeprefix("^").removesuffix("$").replace("\\Z", "")
        if isinstance(entry, URLPattern):
            yield route
        else:
            yield from routes(entry, route)


class Fuzzer:
    """Builds fuzzed requests from pages that a role can see. `kept` URLs get no POST: it would end the session."""

    def __init__(
        self, seed: int, *, cookie_names: list[str], kept: Callable[[str], bool] = lambda address: False
    ) -> None:
        self.random = random.Random(seed)  # noqa: S311  (to repeat it, not to hide it)
        self._cookie_names, self._kept = cookie_names, kept
        self.forms: list[Form] = []
        self.addresses: list[str] = []

    def learn(self, page: Page) -> list[str]:
        """Add a page's forms and links; return the new URLs."""
        links = [urljoin(page.address, link) for link in page.links]
        links = [
            link.partition("#")[0] for link in links if link.startswith("/") and not link.startswith(("//", "/static/"))
        ]
        shapes = {(form.action, form.method, len(form.fields)) for form in self.forms}
        self.forms += [form for form in page.forms if (form.action, form.method, len(form.fields)) not in shapes]
        new = [link for link in dict.fromkeys(links) if link not in self.addresses]
        self.addresses += new
        return new

    def make(self) -> Odd:
        """Return the next request."""
        kind = self.random.random()
        spared = "delete" if self.random.random() < 0.95 else "\0"  # else the first requests would delete all
        posts = [form for form in self.forms if form.method == "POST" and not self._kept(form.action)]
        posts = [form for form in posts if spared not in form.action]
        if kind < 0.45 and posts:
            return self._with_headers(self._post(self.random.choice(posts)))
        if kind < 0.55:
            route = self.random.choice(list(routes()))
            method = self.random.choice(["GET", "GET", "POST", "HEAD", "PUT", "OPTIONS"])
            address = "".join(self._part(part) for part in route.replace("<", "\0<").replace(">", ">\0").split("\0"))
            if method == "POST" and self._kept(address):
                method = "GET"
            return self._with_headers(Odd(method, address))
        return self._with_headers(Odd("GET", self._address()))

    def _part(self, part: str) -> str:
        """Return a part of a route: a parameter, or a regular expression, gets a value."""
        if part.startswith("<"):
            return self._value()[:200]
        return part.replace("(?P", "").replace("[0-9A-Za-z]+)", self._value()[:20]).replace("(.+)", self._value()[:20])

    def _address(self) -> str:
        url = urlsplit(self.random.choice(self.addresses))
        names = [name for name, _ in parse_qsl(url.query, keep_blank_values=True)]
        names += [
            name for form in self.forms if form.method == "GET" and form.action == url.path for name, _ in form.fields
        ]
        chosen = self.random.choices(names or NAMES, k=self.random.randint(1, 3))
        if self.random.random() < 0.2:
            chosen.append(self.random.choice(NAMES))
        query = "&".join(f"{quote_plus(name)}={self._value()}" for name in chosen)[:6000]
        return f"{url.path}?{query}"

    def _value(self) -> str:
        if self.random.random() < 0.2:
            return self.random.choice(RAW)
        return quote(self.random.choice(TEXTS), safe="")

    def _post(self, form: Form) -> Odd:
        fields = list(dict(self.random.sample(form.fields, len(form.fields))).items())
        fields = [(quote_plus(name), quote_plus(value)) for name, value in fields]
        free = [n for n, (name, _) in enumerate(fields) if name != "csrfmiddlewaretoken" or self.random.random() < 0.02]
        for position in self.random.sample(free, min(len(free), self.random.randint(0, 3))):
            name, value = fields[position]
            fields[position] = (name, self._value())
            if self.random.random() < 0.1:
                fields.append((name, value))
            elif self.random.random() < 0.1:
                fields[position] = (self._value(), value)
        if form.multipart or self.random.random() < 0.1:
            body, kind = self._parts(form), self.random.choice([MULTIPART] * 9 + TYPES_OF_PARTS)
        else:
            body, kind = "&".join(f"{name}={value}" for name, value in fields).encode(), URLENCODED
        if self.random.random() < 0.05:
            body, kind = body[: self.random.randrange(len(body) + 1)], self.random.choice(TYPES)
        return Odd("POST", form.action, {"Content-Type": kind}, body=body)

    def _parts(self, form: Form) -> bytes:
        parts = []
        for name, value in dict(form.fields).items():
            odd = name != "csrfmiddlewaretoken" and self.random.random() < 0.3
            text = self.random.choice(TEXTS) if odd else value
            named = f'; filename="{self.random.choice(TEXTS)[:200]}"' if odd and self.random.random() < 0.3 else ""
            named = named.replace("\r", "").replace("\n", "")
            parts.append(f'--limit\r\nContent-Disposition: form-data; name="{name}"{named}\r\n\r\n{text}\r\n')
        return ("".join(parts) + "--limit--\r\n").encode()

    def _with_headers(self, odd: Odd) -> Odd:
        if odd.method == "POST" and self.random.random() < 0.3 or self.random.random() < 0.2:
            odd.headers["HX-Request"] = "true"
        if self.random.random() < 0.2:
            name = self.random.choice(list(HEADERS))
            odd.headers[name] = self.random.choice(HEADERS[name])
        if self.random.random() < 0.1:
            odd.cookies[self.random.choice(self._cookie_names)] = self.random.choice(COOKIES)
        return odd


def crawl(fuzzer: Fuzzer, fetch: Callable[[str], str], *, pages: int) -> None:
    """Make the fuzzer visit so many pages: those without parameters first, then linked ones, a few of each kind.

    `fetch` returns the HTML at a URL, "" if there is none.
    """
    waiting = [route for route in dict.fromkeys(routes()) if not set(route) & set("<(")]
    fuzzer.addresses += waiting
    kinds: dict[str, int] = {}
    for _ in range(pages):
        if not waiting:
            return
        address = waiting.pop(0)
        kind = "".join("0" if letter.isdigit() else letter for letter in urlsplit(address).path)[:24]
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 3:
            waiting += fuzzer.learn(Page(address, fetch(address)))
