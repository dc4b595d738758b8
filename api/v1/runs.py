"""Readings of usage from the gateway, and the comparison with it: read, and started as the buttons do."""

from datetime import date, datetime
from typing import Final

from django.core.exceptions import PermissionDenied
from ninja import Field, Router, Schema, Status

from api.problems import Problem
from api.v1.auth import ApiRequest, Bearer
from api.v1.paging import Paged, page_of
from usage.models import Discrepancy, PollRun, Reconciliation
from usage.queries.access import page_access
from usage.services.start import NotStarted, start_comparison, start_refresh

router = Router(tags=["admin"])
READ: Final = Bearer("admin:read")
WRITE: Final = Bearer("admin:write")


class RunOut(Schema):
    """A reading of the gateway's usage."""

    id: int
    kind: str
    outcome: str
    first_day: date
    last_day: date
    started_at: datetime
    ended_at: datetime | None
    rows_read: int
    rows_written: int
    invalid: int
    problem: str


class RunList(Schema):
    """A page of runs, newest first."""

    items: list[RunOut]
    next_cursor: str | None


class Started(Schema):
    """The work was given to a worker; read its result in a moment."""

    message: str


class DiscrepancyOut(Schema):
    """A point on which the portal and the gateway disagree."""

    id: int
    kind: str
    fix: str = Field(description="sync, reread or gateway.")
    key_id: str | None
    name: str
    day: date | None
    measure: str
    here: str
    there: str


class ReconciliationOut(Schema):
    """The newest comparison that came to its end, with a page of what it found."""

    started_at: datetime | None = Field(description="null: there was none yet.")
    ended_at: datetime | None
    keys_here: int
    keys_there: int
    days: int
    items: list[DiscrepancyOut]
    next_cursor: str | None


@router.get("/admin/runs", response=RunList, auth=READ, summary="Data updates")
def list_runs(request: ApiRequest, page: Paged) -> RunList:
    """List the readings of usage from the gateway. It needs the permission to see all usage."""
    if not page_access(request.user).sees_everyone:
        raise PermissionDenied
    found, cursor = page_of(PollRun.objects.all(), page, "started_at", "id")
    names = RunOut.model_fields
    return RunList(items=[RunOut(**{name: getattr(run, name) for name in names}) for run in found], next_cursor=cursor)


@router.post("/admin/runs", response={202: Started}, auth=WRITE, summary="Start a data update")
def start_run(request: ApiRequest) -> Status[Started]:
    """Start a reading of usage. It needs the permission to refresh, and is refused within half a minute of another."""
    access = page_access(request.user)
    if not access.may_refresh:
        raise PermissionDenied
    try:
        return Status(202, Started(message=start_refresh(access.state)))
    except NotStarted as refusal:
        raise _problem(refusal) from refusal


@router.get("/admin/reconciliation", response=ReconciliationOut, auth=READ, summary="Comparison with the gateway")
def get_reconciliation(request: ApiRequest, page: Paged) -> ReconciliationOut:
    """Return where the portal and the gateway disagree. It needs the permission to see all usage."""
    if not page_access(request.user).sees_everyone:
        raise PermissionDenied
    newest = Reconciliation.objects.exclude(ended_at=None).filter(problem="").first()
    discrepancies = Discrepancy.objects.filter(reconciliation=newest) if newest else Discrepancy.objects.none()
    found, cursor = page_of(discrepancies, page, "id")
    return ReconciliationOut(
        started_at=newest.started_at if newest else None,
        ended_at=newest.ended_at if newest else None,
        keys_here=newest.keys_here if newest else 0,
        keys_there=newest.keys_there if newest else 0,
        days=newest.days if newest else 0,
        items=[_discrepancy_out(each) for each in found],
        next_cursor=cursor,
    )


@router.post("/admin/reconciliation", response={202: Started}, auth=WRITE, summary="Start a comparison")
def start_reconciliation(request: ApiRequest) -> Status[Started]:
    """Compare the portal with the gateway. It needs the permission to refresh."""
    if not page_access(request.user).may_refresh:
        raise PermissionDenied
    try:
        return Status(202, Started(message=start_comparison()))
    except NotStarted as refusal:
        raise _problem(refusal) from refusal


def _problem(refusal: NotStarted) -> Problem:
    headers = {"Retry-After": str(refusal.retry_after_s)}
    code = "too_many_actions" if refusal.status == 429 else "unavailable"
    return Problem(refusal.status, code, str(refusal), headers=headers)


def _discrepancy_out(found: Discrepancy) -> DiscrepancyOut:
    return DiscrepancyOut(
        id=found.pk,
        kind=found.kind,
        fix=found.fix,
        key_id=str(found.key_id) if found.key_id else None,
        name=found.name,
        day=found.day,
        measure=found.measure,
        here=found.here,
        there=found.there,
    )
