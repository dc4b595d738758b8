"""Rules for the image and for compose.yaml; no engine runs them here (docs/operating.md says what was run by hand)."""

import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, Final

import yaml

from hatch_build import sources
from portal.settings import CELERY_TASK_QUEUES
from tests.deploy.files import DEPLOY, SYSTEMD, with_drop_ins

CONTAINERFILE: Final = DEPLOY / "container" / "Containerfile"
COMPOSE: Final = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
SERVICES: Final[dict[str, dict[str, Any]]] = COMPOSE["services"]
PORTAL: Final = ("web", "worker", "polls", "beat", "migrate")


def stages() -> list[str]:
    """Return the text of each stage."""
    return re.split(r"^FROM ", CONTAINERFILE.read_text(), flags=re.MULTILINE)[1:]


def test_the_image_has_neither_npm_nor_rights() -> None:
    build, final = stages()

    assert "build.txt" in build
    assert not re.search(r"npm|node|pip|COPY \. ", final)
    assert re.search(r"^USER 10001:10001$", final, re.MULTILINE)
    assert "HEALTHCHECK" in final
    assert 'ENTRYPOINT ["passerelle"]' in final


def test_the_image_has_locked_packages() -> None:
    for line in re.findall(r"pip install [^\\\n]+", stages()[0]):
        assert "--require-hashes" in line or "--no-deps" in line, line


def test_the_image_gets_no_secret_and_no_history(repository: Path, tmp_path: Path) -> None:
    """Docker and podman both read this file; the wheel is also built without it, and without git."""
    ignored = (repository / ".dockerignore").read_text().splitlines()

    assert {".git", ".venv", "node_modules", "var", "**/.env", "**/secrets"} <= set(ignored)
    private = ["deploy/compose/.env", "deploy/compose/secrets/gateway_admin_key"]
    for name in [*private, "deploy/compose/portal.env"]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("sk-1\n")
    assert sources(tmp_path, ["deploy"]) == ["deploy/compose/portal.env"]
    done = subprocess.run(["git", "check-ignore", *private], cwd=repository, capture_output=True, text=True)
    assert done.stdout.split() == private


def test_no_service_has_rights_or_a_root_that_can_be_written() -> None:
    for name, service in SERVICES.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
    assert all("cap_add" not in SERVICES[name] for name in PORTAL)


def test_every_service_has_a_health_check_and_a_version() -> None:
    for name, service in SERVICES.items():
        assert re.search(r":\d[\w.]*}?$", service["image"]), name
        assert ("healthcheck" in service) == (name != "migrate"), name  # which ends


def test_secrets_are_files() -> None:
    assert all(set(where) == {"file"} for where in COMPOSE["secrets"].values())
    needed = set(re.findall(r"([A-Z_]+)_FILE=%d", with_drop_ins(SYSTEMD / "passerelle-web.service")))
    for name in PORTAL:
        given = SERVICES[name]["environment"]
        assert needed.isdisjoint(given), name
        assert all(given[f"{each}_FILE"] == f"/run/secrets/{each.lower()}" for each in needed), name
        assert {each.lower() for each in needed} <= set(SERVICES[name]["secrets"]), name


def test_tables_are_made_before_the_programs_start() -> None:
    for name in ("web", "worker", "polls", "beat"):
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_every_queue_has_a_worker() -> None:
    queues = [service["command"][2] for service in SERVICES.values() if service.get("command", [""])[0] == "worker"]

    assert sorted(",".join(queues).split(",")) == sorted(queue.name for queue in CELERY_TASK_QUEUES)


def test_only_the_proxy_has_ports() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert all(SERVICES[name]["networks"] == ["inside"] for name in ("postgres", "redis"))


def test_image_compose_and_chart_have_the_version_of_the_project(repository: Path) -> None:
    number = tomllib.loads((repository / "pyproject.toml").read_text())["project"]["version"]
    chart = yaml.safe_load((DEPLOY / "helm" / "passerelle" / "Chart.yaml").read_text())

    assert (chart["version"], chart["appVersion"]) == (number, number)
    assert all(SERVICES[name]["image"].endswith(f":{number}}}") for name in PORTAL)
    assert f"passerelle:{number} " in CONTAINERFILE.read_text()


def test_the_line_of_the_readme_starts_the_image_that_it_builds(repository: Path) -> None:
    [line] = re.findall(r"^    docker .+$", (repository / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
    found = re.fullmatch(r"docker build -f (\S+) -t (\S+) \. && docker compose -f (\S+) up --detach", line.strip())
    assert found
    recipe, tag, composed = found.groups()

    assert repository / recipe == CONTAINERFILE
    assert repository / composed == DEPLOY / "compose" / "compose.yaml"
    assert {SERVICES[name]["image"] for name in PORTAL} == {f"${{PASSERELLE_IMAGE:-{tag}}}"}
