"""docs/design.md lists each private name of a library that the product uses."""

import re
import sys
from collections.abc import Iterator
from importlib import import_module
from inspect import isclass
from pathlib import Path

from django.conf import settings

PRODUCT = (
    *("accounts", "api", "approvals", "catalogue", "courses", "gateway", "keys", "notices", "people"),
    *("playground", "portal", "scim", "teaching", "usage", "web", "webhooks"),
)
ROW = re.compile(r"^\| `(?P<module>[\w.]+)` \| `(?P<name>[\w.]+)` \| .+ \|$", re.MULTILINE)
INTERNAL = re.compile(r"^from ([\w.]+\.internal\b[\w.]*) import", re.MULTILINE)
IMPORTED = re.compile(r"^ *from [\w.]+ import .*\b(_[A-Za-z]\w+)", re.MULTILINE)
READ = re.compile(r"\b(?!self\b|cls\b)[\w)]+\.(_[A-Za-z]\w*)|\b(?:self|cls)\.(_[a-z]\w*)")
DEFINED = re.compile(
    r"(?:\bdef |\bclass |^ +)(_[A-Za-z]\w*)|\b(?:self|cls)\.(_\w+)(?:: [^=\n]+)? = |\b(?:self|cls)\.(_\w+), ",
    re.MULTILINE,
)
DOCUMENTED = {"_asdict", "_default_manager", "_exit", "_fields", "_meta", "_replace", "_state"}  # public all the same
OF_LIBRARIES = ("_member", "_generate_next_value_", "_value", "_new_member_", "_unhash", "_use_args_", "_hashable_")
MADE_FOR = ("kombu.transport.virtual", "django.contrib.messages.storage")  # documented: override these
WRITTEN = {  # by the libraries themselves, into each class
    *("_abc_impl", "_get_takes_response_parameters", "_is_protocol", "_meta", "_ninja_resolvers"),
    "_search_takes_position",
}


def overridden(name: str) -> Iterator[str]:
    """Yield private names of other packages' classes that classes of this module define."""
    for cls in vars(sys.modules[name]).values():
        if isclass(cls) and cls.__module__ == name:
            others = [base for base in cls.__mro__[1:] if base.__module__.partition(".")[0] not in (*PRODUCT, "enum")]
            theirs = {each for base in others if not base.__module__.startswith(MADE_FOR) for each in vars(base)}
            yield from (each for each in vars(cls) if re.match("_[a-z]", each) and each in theirs - WRITTEN)


def texts_of_product(repository: Path) -> dict[str, str]:
    """Return the text of each module."""
    files = (path for app in PRODUCT for path in (repository / app).rglob("*.py") if "migrations" not in path.parts)
    return {".".join(path.relative_to(repository).with_suffix("").parts): path.read_text() for path in files}


def found_in(texts: dict[str, str]) -> set[tuple[str, str]]:
    """Return (module, name) of each use."""
    own = {name for text in texts.values() for found in DEFINED.findall(text) for name in found if name}
    import_module(settings.ROOT_URLCONF)  # and with it nearly all others
    loaded = texts.keys() & sys.modules.keys()
    found = {(module, each) for module in loaded for each in overridden(module) if not each.startswith(OF_LIBRARIES)}
    for module, text in texts.items():
        found |= {(module, each) for each in INTERNAL.findall(text)}
        found |= {(module, each) for each in IMPORTED.findall(text)}
        found |= {(module, a or b) for a, b in READ.findall(text) if (a or b) not in own | DOCUMENTED}
    return found


def test_private_names_of_libraries_are_those_that_the_design_explains(repository: Path) -> None:
    listed = {(row["module"], row["name"]) for row in ROW.finditer((repository / "docs" / "design.md").read_text())}

    texts = texts_of_product(repository)
    found = found_in(texts)
    assert len(found) > 10
    assert found - listed == set()
    assert {(module, name) for module, name in listed if name not in texts[module]} == set()
