"""The Airflow plugin: light in a task's process, an app in the API server's; its OpenAPI file; rights under FAB.

Airflow runs in processes of its own, with a throw-away home.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.compose_file import PROJECT

# What a task's process has loaded anyway before it loads plugins.
LOADED_ANYWAY = "import airflow.plugins_manager"
PLUGIN = str(PROJECT / "plugins" / "provisioning_plugin.py")
STRANGERS = f"""
import importlib.util, json, sys
{LOADED_ANYWAY}
before = set(sys.modules)
spec = importlib.util.spec_from_file_location("provisioning_plugin", {PLUGIN!r})
module = importlib.util.module_from_spec(spec)
sys.modules["provisioning_plugin"] = module
spec.loader.exec_module(module)
plugin = module.ProvisioningPlugin()
plugin.on_load()
new = sorted(name for name in set(sys.modules) - before if name.partition(".")[0] not in sys.stdlib_module_names)
print("RESULT", json.dumps(new))
"""
MOUNTED = """
import json
from airflow.plugins_manager import get_fastapi_plugins, get_import_errors
apps, _ = get_fastapi_plugins()
print("RESULT", json.dumps([get_import_errors(), [[one["name"], one["url_prefix"]] for one in apps],
    [[sorted(route.methods), route.path] for one in apps for route in one["app"].routes]]))
"""
OPENAPI = """
import json
from provisioner.web import openapi
print("RESULT", json.dumps(openapi.as_text()))
"""
UNGUARDED = """
import json
from provisioner.web import rights
from provisioner.web.app import make_app

def calls(dependant):
    return {dependant.call} | {call for one in dependant.dependencies for call in calls(one)}

guards = {rights.portal, rights.read.dependency, rights.act.dependency}
print("RESULT", json.dumps([route.path for route in make_app().routes if not guards & calls(route.dependant)]))
"""


def run(program: str, home: Path) -> object:
    """Return what *program* printed after RESULT, run as an Airflow process would run it."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(PROJECT / "plugins"),
    }
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False
    )
    assert ended.returncode == 0, ended.stderr
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("RESULT ")]
    return json.loads(line.removeprefix("RESULT "))


def test_the_plugin_brings_nothing_into_a_tasks_process(tmp_path: Path) -> None:
    assert run(STRANGERS, tmp_path) == ["provisioning_plugin"]


def test_airflow_finds_the_plugin_and_its_app_and_no_mistake(tmp_path: Path) -> None:
    errors, mounted, routes = run(MOUNTED, tmp_path)  # type: ignore[misc]

    assert errors == {}
    assert mounted == [["provisioning", "/provisioning"]]
    assert [["POST"], "/authenticate"] in routes


def test_no_route_of_the_app_is_open_to_anyone(tmp_path: Path) -> None:
    assert run(UNGUARDED, tmp_path) == []


def test_the_openapi_file_is_the_apps_own(tmp_path: Path) -> None:
    written = (PROJECT / "include" / "authenticate-api.yaml").read_text(encoding="utf-8")

    assert run(OPENAPI, tmp_path) == written, "run `make openapi`"


def test_the_rights_are_those_of_a_dag_that_exists() -> None:
    from_source = (PROJECT / "plugins" / "provisioner" / "web" / "rights.py").read_text(encoding="utf-8")
    dag_id = "tucano_reset_run"

    assert f'DAG_ID = "{dag_id}"' in from_source
    if not (PROJECT / "dags" / f"{dag_id}.py").is_file():
        pytest.fail("under SimpleAuthManager rights on a DAG that does not exist are given to all")
