"""Migrations of a next release, in a folder of the test's own: the apps' first ones, and one more each."""

import importlib
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.apps import apps
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

HEAD = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("{app}", "0001_initial")]
    {more}
    operations = [{operations}]
"""


@contextmanager
def next_release(folder: Path, **operations: str) -> Iterator[dict[str, str]]:
    """Give the named apps a second migration with these operations; yield the setting. Applied ones are undone."""
    package = f"next_release_{folder.name.replace('-', '_')}"
    modules = {app: f"{package}.{app}" for app in operations}
    for app, text in operations.items():
        place = folder / package / app
        place.mkdir(parents=True, exist_ok=True)
        (place / "__init__.py").touch()
        shutil.copy(Path(apps.get_app_config(app).path) / "migrations" / "0001_initial.py", place)
        more, _, text = text.rpartition("\n---\n")
        (place / "0002_next.py").write_text(HEAD.format(app=app, operations=text, more=more))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        with override_settings(MIGRATION_MODULES=modules):
            yield modules
            applied = MigrationRecorder(connection).applied_migrations()
            for app in operations:
                if (app, "0002_next") in applied:
                    call_command("migrate", app, "0001", verbosity=0)
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith(package)]:
            del sys.modules[name]
