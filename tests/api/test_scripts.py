"""The scripts of docs/api.md, run as shown against a portal that is served."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from api.scopes import SCOPES
from keys.models import Key
from tests.api.conftest import Program
from tests.keys.actions import issue
from tests.keys.run_code import run_code
from tests.sandbox_process import Sandbox
from tests.usage.views.facts import used

FILES = {"sh": ("shell", ""), "python": ("python", "run.py"), "r": ("r", "run.R")}


def run(kind: str, folder: Path, repository: Path, url: str, secret: str) -> subprocess.CompletedProcess[str]:
    """Run the script of a language, with its two variables in place of the environment's."""
    text = (repository / "docs/api.md").read_text()
    (code,) = re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)
    for name, value in (("PASSERELLE_URL", url), ("PASSERELLE_TOKEN", secret)):
        for form in (f"os.environ['{name}']", f'Sys.getenv("{name}")'):
            code = code.replace(form, f'"{value}"' if form.startswith("Sys") else f"'{value}'")
        code = code.replace(f"${name}", value)
    language, filename = FILES[kind]
    return run_code(language=language, filename=filename, code=code, folder=folder)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kind", ["sh", "python", pytest.param("r", marks=pytest.mark.clients)])
def test_the_script_runs(
    kind: str, tmp_path: Path, repository: Path, live_server: Any, staff: User, sandbox: Sandbox
) -> None:
    used(issue(staff).key, "1.25")
    program = Program(staff, *SCOPES)

    done = run(kind, tmp_path, repository, live_server.url, program.secret)

    assert done.returncode == 0, done.stderr
    expected = {"sh": '"spent_usd": "1.25"', "python": "works until", "r": "gpt-4o-mini 1.25"}
    assert expected[kind] in done.stdout
    assert Key.objects.filter(state=Key.State.DELETED).count() == (1 if kind == "python" else 0)
