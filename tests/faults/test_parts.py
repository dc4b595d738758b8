"""Each part of a site ends or freezes, and within a minute everything that watches it names it (docs/operating.md)."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.faults.programs import Beat, Worker
from tests.faults.site import Site, Visitor, away, frozen
from tests.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(900)]
MINUTE_S = 60.0


@pytest.fixture(scope="module")
def programs(site: Site) -> Iterator[tuple[Worker, Beat]]:
    with ExitStack() as stack:
        yield stack.enter_context(Worker(site)), stack.enter_context(Beat(site))


def states(site: Site) -> dict[str, str]:
    parts: dict[str, str] = Visitor().get(site.nodes[0].url + "/healthz/ready").json()["parts"]
    return parts


def test_worker_and_beat(site: Site, programs: tuple[Worker, Beat]) -> None:
    worker, beat = programs

    def state(name: str, state: str) -> Callable[[], bool]:
        return lambda: states(site)[name] == state

    wait_until(state("worker", "up"), MINUTE_S)
    wait_until(state("beat", "up"), MINUTE_S)
    with frozen(worker):
        wait_until(state("worker", "missing"), MINUTE_S)
        assert states(site)["beat"] == "up"
    wait_until(state("worker", "up"), MINUTE_S)
    with away(beat):
        wait_until(state("beat", "missing"), MINUTE_S)
    wait_until(state("beat", "up"), MINUTE_S)
    with away(site.redis):
        wait_until(state("broker", "down"), MINUTE_S)
    wait_until(state("broker", "up"), MINUTE_S)
