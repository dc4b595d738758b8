"""Half a minute of `make bench-nodes`: programs are killed under load, and nothing is lost."""

import pytest

from bench.nodes import MAKERS, VISITORS, run_load
from bench.nodes_site import Cluster

pytestmark = [pytest.mark.nginx, pytest.mark.postgres, pytest.mark.redis, pytest.mark.timeout(900)]
STREAMS = 6


def test_killed_nodes_lose_neither_answers_nor_keys() -> None:
    with Cluster(STREAMS + VISITORS, MAKERS) as cluster:
        figures = run_load(cluster, seconds=30, every_s=8, streams=STREAMS)

    assert [figure for figure in figures if figure.ok is False] == []
    assert {figure.name: figure.value for figure in figures}["nodes: programs killed or ended"] > 0
