"""PostgreSQL restarts, hangs and disappears during page loads: people quickly see a page that says so."""

import pytest

from tests.faults.site import Seen, Site, Visitor, away, frozen
from tests.waiting import wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(400)]  # tables are made first
PAGES = ("/", "/usage/", "/playground/", "/models/")
SOON_S, NEXT_S = 20.0, 10.0  # on a busy machine; on an idle one 5 and 0.1
BACK_S = 30


def load(site: Site, visitor: Visitor, rounds: int = 1) -> list[Seen]:
    return [visitor.get(site.nodes[0].url + page) for _ in range(rounds) for page in PAGES]


def test_a_restart_of_the_database_shows_nobody_an_error(site: Site) -> None:
    visitor = Visitor(site.intern)
    assert [seen.status for seen in load(site, visitor)] == [200] * len(PAGES)

    with away(site.postgres):
        pass

    seen = load(site, visitor, rounds=3)
    assert [page.status for page in seen] == [200] * len(seen)


def test_without_the_database_pages_say_so_and_recover(site: Site) -> None:
    visitor, french = Visitor(site.intern), Visitor(site.intern, language="fr")
    load(site, visitor)

    with away(site.postgres):
        first, *others = [*load(site, visitor), *load(site, french)]

        assert {page.status for page in [first, *others]} == {503}
        assert first.took_s < SOON_S
        assert max(page.took_s for page in others) < NEXT_S
        assert "The portal’s database does not answer" in first.text
        assert "La base de données du portail ne répond pas" in others[-1].text
        assert first.headers["Retry-After"] == "10"
        assert Visitor().get(site.nodes[0].url + "/healthz/live").status == 200
        assert Visitor().get(site.nodes[0].url + "/healthz/ready").status == 503

    wait_until(lambda: load(site, visitor)[0].status == 200, BACK_S)
    assert [page.status for page in load(site, visitor)] == [200] * len(PAGES)
    assert "Traceback" not in site.nodes[0].said()


def test_a_hanging_database_keeps_no_page_waiting(site: Site) -> None:
    visitor = Visitor(site.intern)
    load(site, visitor)

    with frozen(site.postgres):
        first, *others = load(site, visitor)

    assert {page.status for page in [first, *others]} == {503}
    assert first.took_s < SOON_S
    assert max(page.took_s for page in others) < NEXT_S
    wait_until(lambda: load(site, visitor)[0].status == 200, BACK_S)
