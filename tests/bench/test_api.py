"""The bench of the API works: programs with keys and with access tokens are answered."""

from bench.api import ApiPortal, measure
from tests.sandbox_process import Sandbox
from tests.static_files import collected_in


def test_measures_two_programs() -> None:
    with (
        Sandbox() as sandbox,
        ApiPortal(programs=2, gateway=sandbox, static_root=collected_in() / "static") as portal,
    ):
        figures = {figure.name: figure for figure in measure(portal, per_second=20, seconds=0.5)}

    assert figures["me/usage, 20 a second: answered with 200"].ok
    assert figures["me/usage, 20 a second: p95"].value > 0
