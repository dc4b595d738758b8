"""A picture on its way from a form to a row."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A checked image: its name for show, its media type as found in the data."""

    name: str
    media_type: str
    data: bytes = field(repr=False)
