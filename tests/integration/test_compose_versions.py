"""Holds docker-compose.yaml and the Dockerfile to the locked versions: settings they know, libraries that fit.

The code is read as text (ast); Airflow is imported in a process of its own.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path

import yaml

from tests.integration.compose_file import PROJECT, services


def airflow_options() -> set[str]:
    """Return SECTION__OPTION of every setting that Airflow and its installed providers know."""
    airflow = Path(str(find_spec("airflow").origin)).parent
    known = yaml.safe_load((airflow / "config_templates" / "config.yml").read_text())
    options = {f"{section}__{option}" for section, body in known.items() for option in body["options"]}
    celery = ast.parse((airflow / "providers" / "celery" / "get_provider_info.py").read_text())
    (returned,) = (node.value for node in ast.walk(celery) if isinstance(node, ast.Return))
    sections = ast.literal_eval(returned)["config"]
    return {
        name.upper()
        for name in options
        | {f"{section}__{option}" for section, body in sections.items() for option in body["options"]}
    }


def test_every_airflow_setting_is_one_that_this_airflow_has() -> None:
    known = airflow_options()
    settings = {
        name.removeprefix("AIRFLOW__")
        for service in services().values()
        for name in service.get("environment", {})
        if name.startswith("AIRFLOW__")
    }

    assert len(settings) > 10
    assert settings - known == set()


def test_every_library_of_the_demo_is_in_the_production_lock_or_installed_by_the_demo_stage() -> None:
    locked = set(
        re.findall(r"^([a-z0-9_.-]+)(?:\[.*\])?==", (PROJECT / "requirements.txt").read_text(), re.MULTILINE)
    )
    (added,) = re.findall(r"grep -E '\^\(([^)]*)\)==' requirements-dev", (PROJECT / "Dockerfile").read_text())
    modules = {
        name.partition(".")[0]
        for path in (*(PROJECT / "demo/crm").rglob("*.py"), *(PROJECT / "demo/simulator").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
        )
    }
    foreign = modules - set(sys.stdlib_module_names) - {"demo", "provisioner"}
    distributions = {name: packages_distributions()[name] for name in foreign}

    assert distributions
    assert [
        name
        for name, packages in distributions.items()
        if not {package.lower().replace("_", "-") for package in packages} & (locked | set(added.split("|")))
    ] == []


def test_the_executor_of_the_file_can_be_imported_with_the_locked_versions() -> None:
    assert services()["scheduler"]["environment"]["AIRFLOW__CORE__EXECUTOR"] == "CeleryExecutor"
    # In a process of its own: the suite does not import Airflow here.
    statement = "import airflow.providers.celery.executors.celery_executor"
    imported = subprocess.run([sys.executable, "-c", statement], capture_output=True, text=True, check=False)

    assert imported.returncode == 0, imported.stderr
