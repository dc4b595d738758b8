"""What `migrate` would do: which tables it locks, roughly for how long, and whether old nodes can go on meanwhile."""

from dataclasses import dataclass
from typing import Any, Final

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, models
from django.db.migrations import operations as ops
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ModelState, ProjectState
from django.db.models.constraints import CheckConstraint

from portal.backups.database import COUNT
from portal.migration_rules import breaks_of, steps_of
from portal.version import version

FIRST: Final = "0001"
# Rows a second of PostgreSQL 15 on two busy cores, with rows of 150 bytes: for the order of magnitude only.
READ_A_SECOND, INDEXED_A_SECOND, REWRITTEN_A_SECOND = 2_000_000, 500_000, 150_000
NOTHING, MOMENT, WRITES, ALL = (
    "locks nothing",
    "locks the table for a moment",
    "blocks writes to the table",
    "blocks reads and writes of the table",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One operation on the database."""

    what: str
    table: str
    rows: int
    lock: str
    seconds: float  # that the lock is held
    is_data: bool = False  # takes as long as it takes


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One migration."""

    name: str
    steps: list[Step]
    breaks: list[str]  # what nodes of the last release cannot live with


def plan_migrations() -> list[Planned]:
    """Return the migrations that are not applied, in order. Nothing is changed."""
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    known = [node for node in executor.loader.applied_migrations if node in executor.loader.graph.nodes]
    state = executor.loader.project_state(known)
    is_new = not executor.loader.applied_migrations
    planned = []
    for migration, _backwards in plan:
        steps = [_step(operation, before, migration.app_label) for operation, before, _ in steps_of(migration, state)]
        is_first = is_new or migration.name.startswith(FIRST)
        breaks = [] if is_first else breaks_of(migration, state, version=version())
        planned.append(Planned(name=f"{migration.app_label}.{migration.name}", steps=steps, breaks=breaks))
        state = migration.mutate_state(state, preserve=True)
    return planned


def _step(operation: Operation, before: ProjectState, app: str) -> Step:
    model = before.models.get((app, getattr(operation, "model_name_lower", getattr(operation, "name_lower", ""))))
    table = _table_of(model) if model else ""
    rows = _rows_in(table) if table else None
    if rows is None:  # it is made by the same plan
        model, table, rows = None, "", 0
    lock, rate = _cost_of(operation, model)
    is_data = isinstance(operation, ops.RunPython | ops.RunSQL)
    seconds = rows / rate if rate else 0.0
    return Step(what=operation.describe(), table=table, rows=rows, lock=lock, seconds=seconds, is_data=is_data)


def _cost_of(operation: Operation, model: ModelState | None) -> tuple[str, int]:
    """Return the lock of an operation in words, and how many rows a second it goes through; 0: none."""
    if model is None or not operation.reduces_to_sql:
        return NOTHING, 0
    if isinstance(operation, ops.AddIndex):
        return (NOTHING, 0) if isinstance(operation, AddIndexConcurrently) else (WRITES, INDEXED_A_SECOND)
    if isinstance(operation, ops.AddConstraint):
        return ALL, READ_A_SECOND if isinstance(operation.constraint, CheckConstraint) else INDEXED_A_SECOND
    if isinstance(operation, ops.AddField):
        return _cost_of_field(operation.field)
    if isinstance(operation, ops.AlterField):
        return _cost_of_change(model.fields[operation.name], operation.field)
    return MOMENT, 0


def _cost_of_field(added: "models.Field[Any, Any]") -> tuple[str, int]:
    if isinstance(added, models.GeneratedField):
        return ALL, REWRITTEN_A_SECOND
    if _has_index(added):
        return ALL, INDEXED_A_SECOND
    return MOMENT, 0


def _cost_of_change(was: "models.Field[Any, Any]", now: "models.Field[Any, Any]") -> tuple[str, int]:
    if was.get_internal_type() != now.get_internal_type():
        return ALL, REWRITTEN_A_SECOND
    if _has_index(now) and not _has_index(was):
        return ALL, INDEXED_A_SECOND
    if was.null and not now.null:
        return ALL, READ_A_SECOND
    return MOMENT, 0


def _has_index(field: "models.Field[Any, Any]") -> bool:
    """Tell whether an index belongs to the column, as to every foreign key."""
    return field.unique or bool(getattr(field, "db_index", False))


def _table_of(model: ModelState) -> str:
    return str(model.options.get("db_table") or f"{model.app_label}_{model.name_lower}")


def _rows_in(table: str) -> int | None:
    """Return how many rows a table has, on PostgreSQL as its statistics know; None where there is no table."""
    with connection.cursor() as cursor:
        if table not in connection.introspection.table_names(cursor):
            return None
        if connection.vendor == "postgresql":
            cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass", [f'"{table}"'])
            if (estimate := int(cursor.fetchone()[0])) >= 0:
                return estimate
        cursor.execute(COUNT.format(connection.ops.quote_name(table)))
        return int(cursor.fetchone()[0])
