"""The gateway: all that `check_gateway` says."""

from collections.abc import Iterator

from gateway.diagnostics import examine
from gateway.django import get_gateway
from portal.doctor.report import Result, ok, problem


def gateway_can_be_used() -> Iterator[Result]:
    """Check the gateway: makes two keys there, and deletes them."""
    try:
        gateway = get_gateway()
    except ValueError as error:  # an invalid URL or key
        yield problem(str(error), "Correct GATEWAY_URL or GATEWAY_ADMIN_KEY.")
        return
    for finding in examine(gateway):
        yield ok(finding.text) if finding.ok else problem(finding.text, finding.advice)
