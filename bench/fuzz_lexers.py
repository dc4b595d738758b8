"""Find code that is expensive to highlight: `python -m bench.fuzz_lexers [--seconds 5] [Python R …]`.

It reads the regular expressions of each supported lexer. Every repetition in one of them becomes texts of one
shape: a prefix that leads to it, many repetitions, and a suffix that does not match. Each is highlighted at two
lengths, in this process, with a limit on the processor. For each lexer the most expensive are printed as expressions,
the form in which tests/playground/hostile.py stores them.
"""

import argparse
import random
import string
import sys
from collections.abc import Iterator
from importlib import import_module
from itertools import islice
from time import process_time
from typing import Any, Final

from pygments.lexers import get_lexer_by_name

from playground.markup.code import coloured, lexers
from playground.markup.limits import TooDear, cpu_limit, raise_when_spent

SHORT, LONG = 2_000, 8_000  # characters
MOST_CPU_S: Final = 1.0  # of one text
ENDS: Final = ("", "\0", "\n", "!", '"')
SHOWN: Final = 3  # of each lexer
PROMPTS: Final = {"console": ("$ ", "bash"), "pycon": (">>> ", "python"), "php": ("<?php ", "php")}  # what leads in
_parse: Any = import_module("re._parser").parse  # the standard library's own parser has no public name
Shape = tuple[str, str, str]  # before, repeated, after


def main() -> None:
    """Print the most expensive shapes of each lexer: seconds at both lengths, and the expression."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="of the processor, for each lexer")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("names", nargs="*", help="as they are shown above code; default: all")
    arguments = parser.parse_args()
    raise_when_spent()
    for words, name in lexers().items():
        if arguments.names and words not in arguments.names:
            continue
        found = sorted(_measured(name, arguments.seconds, random.Random(arguments.seed)), reverse=True)  # noqa: S311
        for long_s, short_s, (before, repeated, after) in islice(_unlike(found), SHOWN):
            count = LONG // len(repeated)
            sys.stdout.write(
                f"{words}: {short_s:.3f} {long_s:.3f} s  {before!r} + {repeated!r} * {count} + {after!r}\n"
            )
        sys.stdout.flush()


def _unlike(found: list[tuple[float, float, Shape]]) -> Iterator[tuple[float, float, Shape]]:
    seen: set[str] = set()
    for each in found:
        if each[2][1] not in seen:
            seen.add(each[2][1])
            yield each


def _measured(name: str, seconds: float, chance: random.Random) -> Iterator[tuple[float, float, Shape]]:
    """Yield seconds at both lengths and the shape, for as long as `seconds` of the processor last."""
    ends_at = process_time() + seconds
    shapes = list(_shapes(name, chance))
    chance.shuffle(shapes)
    for before, repeated, after in shapes:
        if process_time() > ends_at:
            return
        short_s, long_s = (_cost(name, before + repeated * (size // len(repeated)) + after) for size in (SHORT, LONG))
        yield long_s, short_s, (before, repeated, after)


def _cost(name: str, code: str) -> float:
    began = process_time()
    try:
        with cpu_limit(MOST_CPU_S, killed_after_s=60):
            coloured(code, name)
    except TooDear:
        pass
    return process_time() - began


def _shapes(name: str, chance: random.Random) -> Iterator[Shape]:
    """Yield a shape for each repetition in each expression of the lexer, and some general ones."""
    prompt, inner = PROMPTS.get(name, ("", name))
    yield from ((prompt + before, repeated, after) for before, repeated, after in _shapes_of_rules(inner, chance))
    for char in string.punctuation + " \t\n":
        yield from ((prompt, char, "!"), (prompt, char + "a", ""), (prompt, char + "\n", ""))
        yield from ((prompt + 2 * char, "a", ""), (prompt + char, "\\", ""), (prompt + char, "\\\n", ""))


def _shapes_of_rules(name: str, chance: random.Random) -> Iterator[Shape]:
    lexer = type(get_lexer_by_name(name))
    list(lexer().get_tokens("a"))
    tables = [getattr(lexer, "_tokens", {})]
    if getattr(lexer, "token_variants", False):
        tables = list(tables[0].values())
    rules = [rule for table in tables for state in table.values() for rule in state]
    patterns = {rule[0].__self__ for rule in rules if hasattr(rule[0], "__self__")}
    for pattern in sorted(patterns, key=lambda each: str(each.pattern)):
        for before, repeated in _repetitions(list(_parse(pattern.pattern, pattern.flags)), "", chance):
            if repeated:
                yield from ((before, repeated, end) for end in ENDS)
                yield "", before + repeated, ""


def _repetitions(nodes: list[Any], before: str, chance: random.Random) -> Iterator[tuple[str, str]]:
    """Yield the prefix and the repeated part of each repetition."""
    for node in nodes:
        operation, value = str(node[0]), node[1]
        if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            if value[1] > 1:
                yield from ((before, _sample(list(value[2]), chance)) for _ in range(2))
            yield from _repetitions(list(value[2]), before, chance)
        elif operation == "SUBPATTERN":
            yield from _repetitions(list(value[3]), before, chance)
        elif operation == "BRANCH":
            for branch in value[1]:
                yield from _repetitions(list(branch), before, chance)
        elif operation in ("ASSERT", "ASSERT_NOT"):
            yield from _repetitions(list(value[1]), before, chance)
        before += _sample([node], chance)


def _sample(nodes: list[Any], chance: random.Random) -> str:
    """Return a short text that matches these nodes, if it is easily found."""
    text = ""
    for node in nodes:
        operation, value = str(node[0]), node[1]
        if operation == "LITERAL":
            text += chr(value)
        elif operation == "NOT_LITERAL":
            text += "a" if value != ord("a") else "b"
        elif operation == "ANY":
            text += "a"
        elif operation == "IN":
            text += _member(value, chance)
        elif operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            text += "".join(_sample(list(value[2]), chance) for _ in range(max(value[0], min(1, value[1]))))
        elif operation == "SUBPATTERN":
            text += _sample(list(value[3]), chance)
        elif operation == "BRANCH":
            text += _sample(list(chance.choice(value[1])), chance)
    return text


def _member(members: list[Any], chance: random.Random) -> str:
    classes = {"CATEGORY_SPACE": " ", "CATEGORY_DIGIT": "1", "CATEGORY_WORD": "a", "CATEGORY_NOT_SPACE": "a"}
    if str(members[0][0]) == "NEGATE":
        taken = {chr(value) for operation, value in members if str(operation) == "LITERAL"}
        return next(char for char in "a1 b;(" if char not in taken)
    operation, value = chance.choice(members)
    if str(operation) == "LITERAL":
        return chr(value)
    if str(operation) == "RANGE":
        return chr(chance.choice(value))
    return classes.get(str(value), ";")


if __name__ == "__main__":
    main()
