"""One service on each of many rows with a label, and what came of it for each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from gateway.errors import GatewayAdminKeyRefused, GatewayError, GatewayUnavailable
from keys.services.refusals import KeyRefused


class Labelled(Protocol):
    """A row that is named by its label."""

    @property
    def label(self) -> str:
        """What people call it."""


Row = TypeVar("Row", bound=Labelled)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysActed:
    """The result of an action on many keys; labels, of refused ones with the reason."""

    done: int
    refused: tuple[str, ...]
    failed: tuple[str, ...]  # at the gateway
    left: tuple[str, ...]  # not tried, since the gateway did not answer


@dataclass(slots=True, kw_only=True)
class Run(Generic[Row]):
    """The result of an action on each of many rows with a label."""

    done: list[Row] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)  # labels, with the reason
    failed: list[Row] = field(default_factory=list)  # at the gateway
    left: list[Row] = field(default_factory=list)  # not tried, since the gateway did not answer
    error: GatewayError | None = None  # the last one

    @property
    def as_labels(self) -> KeysActed:
        """The result as it is reported."""
        failed, left = (tuple(row.label for row in rows) for rows in (self.failed, self.left))
        return KeysActed(done=len(self.done), refused=tuple(self.refused), failed=failed, left=left)


def run_on_each(
    rows: Sequence[Row], action: Callable[[Row], object], *, words: Callable[[KeyRefused], str]
) -> Run[Row]:
    """Run a service on each row; a refusal stops no other, a gateway that does not answer stops all.

    `words` says why a row was refused.
    """
    run: Run[Row] = Run()
    for place, row in enumerate(rows):
        try:
            action(row)
        except KeyRefused as refusal:
            run.refused.append(f"{row.label}: {words(refusal)}")
        except GatewayError as error:
            run.failed.append(row)
            run.error = error
            if isinstance(error, GatewayUnavailable | GatewayAdminKeyRefused):
                run.left = list(rows[place + 1 :])
                break
        else:
            run.done.append(row)
    return run
