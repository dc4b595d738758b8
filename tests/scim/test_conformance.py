"""The service, by scim2-tester and by scim2-client."""

import pytest
from scim2_client.engines.wsgi import WSGISCIMClient
from scim2_tester import Status, check_server

pytestmark = pytest.mark.django_db


@pytest.mark.slow  # hundreds of requests
def test_a_checker_of_the_rfcs_finds_no_fault(real_client: WSGISCIMClient) -> None:
    results = check_server(real_client)

    faults = [(each.title, each.reason) for each in results if each.status in (Status.ERROR, Status.CRITICAL)]
    assert not faults, faults
    assert sum(each.status == Status.SUCCESS for each in results) > 50
