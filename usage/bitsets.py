"""Sets of numbers as bits: their unions, intersections and sizes are single operations on integers."""

from collections.abc import Iterable, Iterator
from typing import Final

BITS: Final = tuple(tuple(bit for bit in range(8) if byte >> bit & 1) for byte in range(256))


def packed(numbers: Iterable[int]) -> bytes:
    """Return a set as bytes: number n is bit n % 8 of byte n / 8."""
    found = set(numbers)
    bits = bytearray(max(found, default=-1) // 8 + 1)
    for number in found:
        bits[number >> 3] |= 1 << (number & 7)
    return bytes(bits)


def unpacked(stored: "bytes | memoryview[int]") -> int:
    """Return the bits of a set."""
    return int.from_bytes(stored, "little")


def bits_of(numbers: Iterable[int]) -> int:
    """Return the bits of these numbers."""
    return unpacked(packed(numbers))


def numbers_in(bits: int) -> Iterator[int]:
    """Yield the numbers of a set, smallest first."""
    for place, byte in enumerate(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        for bit in BITS[byte]:
            yield place * 8 + bit
