"""The bench of courses works: a small class gets its keys from a portal, and its course is frozen and ended."""

from bench.course import measure_class, measure_freeze
from bench.course_portal import CoursePortal
from tests.sandbox_process import Sandbox
from tests.static_files import collected_in


def test_measures_a_class_of_three() -> None:
    with (
        Sandbox() as sandbox,
        CoursePortal(
            students=3, gateway=(sandbox.url, sandbox.admin_key), static_root=collected_in() / "static"
        ) as portal,
    ):
        figures = {figure.name: figure for figure in measure_class(portal, within_s=0.1)}
        frozen = measure_freeze(portal, keys=4)
        portal.leave()
        teams = sandbox.call("GET", "/v2/team/list", params={"page": 1, "page_size": 10}).json()["teams"]

    assert figures["3 students get keys within 0.1 s: have one"].ok
    assert figures["3 students get keys within 0.1 s: keys at the gateway"].ok
    assert figures["3 students get keys within 0.1 s: page meanwhile, p95"].value > 0
    assert len(frozen) == 8
    assert teams == []
