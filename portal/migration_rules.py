"""What a migration after an app's first may do: web nodes of the last release still run when it is applied (ADR 58).

They insert rows without new columns, and read and write the old ones. What removes or renames something waits until no
release that can run meanwhile knows it: `last_used_in = "0.1"` in the migration names the last one that does.
"""

from collections.abc import Iterator
from typing import Any, Final

from django.db.migrations import Migration
from django.db.migrations import operations as ops
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import Field
from django.db.models.fields import NOT_PROVIDED

RELEASES_LATER: Final = 2  # used by one, not by the next, gone with the one after
REMOVING: Final = (
    *(ops.RemoveField, ops.DeleteModel, ops.RenameField, ops.RenameModel, ops.AlterModelTable),
    *(ops.AlterUniqueTogether, ops.AddConstraint),  # which old nodes may not keep
)
Step = tuple[Operation, ProjectState, ProjectState]  # with the models before and after it


def steps_of(migration: Migration, state: ProjectState) -> Iterator[Step]:
    """Yield what a migration does to the database, one after the other; the state is not changed."""
    before = state.clone()
    for operation in migration.operations:
        after = before.clone()
        operation.state_forwards(migration.app_label, after)
        if isinstance(operation, ops.SeparateDatabaseAndState):
            for inner in operation.database_operations:
                yield inner, before, after
        else:
            yield operation, before, after
        before = after


def breaks_of(migration: Migration, state: ProjectState, *, version: str) -> list[str]:
    """Return a sentence for each thing that web nodes of the last release cannot live with.

    `state`: the models before this migration. `version`: of the release that will have it.
    """
    made = {each.name_lower for each in migration.operations if isinstance(each, ops.CreateModel)}
    found = []
    for operation, before, _after in steps_of(migration, state):
        if getattr(operation, "model_name_lower", "") in made:
            continue  # nobody else knows the table
        is_over = isinstance(operation, REMOVING) and _is_long_unused(migration, version)
        reason = "" if is_over else _reason(operation, before, migration.app_label)
        if reason:
            found.append(f"{operation.describe()}: {reason}")
    found.extend(_forgotten_columns(migration, state))
    runs = [each for each in migration.operations if isinstance(each, ops.RunPython | ops.RunSQL)]
    if runs and len(runs) < len(migration.operations):
        found.append("Data and tables change in one migration: the tables are locked meanwhile. Make two of it.")
    return found


def _reason(operation: Operation, before: ProjectState, app: str) -> str:
    if isinstance(operation, REMOVING):
        return "nodes of the last release still use it, or do not keep to it. Name `last_used_in`, two releases before."
    if isinstance(operation, ops.AddField):
        return "" if _can_be_left_out(operation.field) else "old nodes insert rows without it. Give it a db_default."
    if isinstance(operation, ops.AlterField):
        was = before.models[app, operation.model_name_lower].fields[operation.name]
        return _change_of(was, operation.field)
    return ""


def _can_be_left_out(field: "Field[Any, Any]") -> bool:
    """Tell whether a row can be inserted without this column."""
    return field.many_to_many or field.null or field.db_default is not NOT_PROVIDED


def _change_of(was: "Field[Any, Any]", now: "Field[Any, Any]") -> str:
    if was.null and not now.null and was.db_default is NOT_PROVIDED:  # they name the column, so its default is unused
        return "old nodes write NULL. Give it a db_default in a release before, and fill it there."
    if was.get_internal_type() != now.get_internal_type():
        return "another type rewrites the table. Add another field, and copy in batches."
    if (now.max_length or 0) < (was.max_length or 0):
        return "old nodes write longer texts."
    if now.unique and not was.unique:
        return "old nodes do not keep to it."
    return ""


def _forgotten_columns(migration: Migration, state: ProjectState) -> Iterator[str]:
    """Find columns that the code forgets and the database keeps, which new nodes could not leave out."""
    for each in migration.operations:
        if not isinstance(each, ops.SeparateDatabaseAndState):
            continue
        for operation in each.state_operations:
            if isinstance(operation, ops.RemoveField):
                field = state.models[migration.app_label, operation.model_name_lower].fields[operation.name]
                if not _can_be_left_out(field):
                    yield f"{operation.describe()}: new nodes insert rows without it. Give it a db_default before."


def _is_long_unused(migration: Migration, version: str) -> bool:
    last_used_in = str(getattr(migration, "last_used_in", ""))
    return bool(last_used_in) and _minor(version) - _minor(last_used_in) >= RELEASES_LATER


def _minor(version: str) -> int:
    """Return the number of a release: 1,003 of 1.3.2."""
    major, minor = (int(number) for number in version.split(".")[:2])
    return 1000 * major + minor
