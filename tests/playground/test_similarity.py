"""The similarity of two vectors, computed without intermediate rounding."""

from math import sqrt
from random import Random

import pytest

from playground.services.embedding import similarities
from playground.templatetags.playground_tools import hundred, hundredths, step

RANDOM = Random(4096)


def alike(one: list[float], other: list[float]) -> float | None:
    return similarities([one, other])[0][1]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1.0, 0.0], [0.0, 1.0], 0.0),
        ([1.0, 2.0], [2.0, 4.0], 1.0),
        ([1.0, 2.0], [-1.0, -2.0], -1.0),
        ([1.0, 1.0], [1.0, 0.0], 1 / sqrt(2)),
        ([1e200, 1e200], [1e200, 0.0], 1 / sqrt(2)),  # squares too large for a float
        ([1e-200, 1e-200], [1e-200, 0.0], 1 / sqrt(2)),  # and too small
    ],
)
def test_is_the_cosine_of_their_angle(one: list[float], other: list[float], expected: float) -> None:
    assert alike(one, other) == pytest.approx(expected, abs=1e-12)


def test_never_exceeds_one() -> None:
    vectors = [[RANDOM.uniform(-1, 1)] * 1536 for _ in range(8)]

    assert all(value is not None and abs(value) <= 1 for row in similarities(vectors) for value in row)


def test_nothing_is_lost_between_large_numbers() -> None:
    found = alike([1e17, 1.0, -1e17], [1.0, 1.0, 1.0])

    assert found is not None
    assert 1e-18 < found < 1e-17


def test_small_differences_are_not_lost_in_long_vectors() -> None:
    one = [RANDOM.gauss(0, 1) for _ in range(4096)]
    other = [number + 1e-7 * RANDOM.gauss(0, 1) for number in one]

    found = alike(one, other)

    assert found is not None
    assert 0 < 1 - found < 1e-13


@pytest.mark.parametrize("other", [[0.0, 0.0], [], [1.0], [float("inf"), 1.0], [float("nan"), 1.0]])
def test_a_zero_vector_is_similar_to_nothing(other: list[float]) -> None:
    assert alike([1.0, 2.0], other) is None


def test_is_symmetric() -> None:
    vectors = [[RANDOM.gauss(0, 1) for _ in range(16)] for _ in range(5)]

    found = similarities(vectors)

    assert found == [list(column) for column in zip(*found, strict=True)]
    assert [found[i][i] for i in range(5)] == pytest.approx([1.0] * 5)


@pytest.mark.parametrize(
    ("value", "dark", "words"),
    [
        (None, 0, "–"),
        (-1.0, 0, "\N{MINUS SIGN}1.00"),
        (-0.001, 0, "0.00"),
        (0.2, 1, "0.20"),
        (0.59, 2, "0.59"),
        (0.6, 3, "0.60"),
        (1.0, 4, "1.00"),
    ],
)
def test_a_cell_says_its_number(value: float | None, dark: int, words: str) -> None:
    assert (step(value), hundredths(value)) == (dark, words)


@pytest.mark.parametrize(("share", "expected"), [(0.126, 13), (-1.0, 0), (3.0, 100)])
def test_a_bar_stays_in_its_bounds(share: float, expected: int) -> None:
    assert hundred(share) == expected
