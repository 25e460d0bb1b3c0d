"""The guards of who may see and do what on the pages and at the portal's door."""

from __future__ import annotations

from tests.guards.guard import END_TO_END, INTEGRATION, WEB, Guard

# Who must have the right to see runs, and for what.
SHOWN = {
    "the overview": "overview",
    "a batch": "batches",
    "requests": "requests",
    "a subscription": "subscriptions",
    "the provider": "provider",
    "a script": "static_files",
}

DOORS = (
    *(
        Guard(
            section="3",
            rule=f"nobody sees {what} without the right to see runs",
            file=f"{WEB}/{module}.py",
            text="router = APIRouter(dependencies=[rights.read])\n",
            instead="router = APIRouter()\n",
            tests=(f"{INTEGRATION}/test_provisioning_plugin.py", "-k", "open_to_anyone"),
        )
        for what, module in SHOWN.items()
    ),
    Guard(
        section="3",
        rule="only a portal may authenticate subscribers",
        file=f"{WEB}/rights.py",
        text="    if not allowed:\n",
        instead="    if False:\n",
        tests=(f"{INTEGRATION}/test_authenticate_under_fab.py", "-k", "may_not_ask_for_a_portal"),
    ),
    Guard(
        section="3",
        rule="where a portal has no right of its own it must be allowed to trigger",
        file=f"{WEB}/rights.py",
        text="    if allowed and has_no_rights_of_its_own:\n",
        instead="    if False:\n",
        tests=(f"{END_TO_END}/test_authenticate_door.py", "-k", "simple_auth_manager"),
    ),
    Guard(
        section="3",
        rule="acting takes the right to trigger runs",
        file=f"{WEB}/batches.py",
        text='@router.get("/api/batches/{batch_id}/retry", dependencies=[rights.act])\n',
        instead='@router.get("/api/batches/{batch_id}/retry")\n',
        tests=(f"{INTEGRATION}/test_pages_rights.py", "-k", "only_who_may_trigger"),
    ),
    Guard(
        section="3",
        rule="a page of another origin may not ask",
        file=f"{WEB}/app.py",
        text="        dependencies=[Depends(same_origin)],\n",
        instead="",
        tests=(f"{INTEGRATION}/test_pages_rights.py", "-k", "another_origin"),
    ),
    Guard(
        section="3",
        rule="no script that stands in a page is run",
        file=f"{WEB}/app.py",
        text="    app.add_middleware(pages.PageHeaders)\n",
        instead="",
        tests=(f"{INTEGRATION}/test_pages_rights.py", "-k", "browser_runs_no_script"),
    ),
    Guard(
        section="3",
        rule="whatever is shown is escaped",
        file=f"{WEB}/pages.py",
        text="        autoescape=True,  # whatever the file's name ends with\n",
        instead="        autoescape=False,\n",
        tests=(f"{INTEGRATION}/test_pages.py", "-k", "escaped"),
    ),
    Guard(
        section="3",
        rule="no file but a script or a style is given",
        file=f"{WEB}/static_files.py",
        text="    if not path.is_relative_to(STATIC) or path.suffix not in TYPES or not path.is_file():\n",
        instead="    if not path.is_file():\n",
        tests=(f"{INTEGRATION}/test_pages_rights.py", "-k", "no_file_but"),
    ),
    Guard(
        section="3",
        rule="no cell of a download is a formula",
        file=f"{WEB}/requests.py",
        text='    return f"\'{text}" if text.startswith(FORMULA) else text\n',
        instead="    return text\n",
        tests=(f"{INTEGRATION}/test_pages.py", "-k", "formula"),
    ),
    Guard(
        section="3",
        rule="a refused question repeats nothing of what was sent",
        file=f"{WEB}/answers.py",
        text='        words.append(f"{place}: {one[\'msg\']}" if place else str(one["msg"]))\n',
        instead="        words.append(f\"{place}: {one['msg']} {one.get('input')}\" if place else str(one[\"msg\"]))\n",
        tests=(f"{END_TO_END}/test_authenticate_door.py", "-k", "not_repeated"),
    ),
)
