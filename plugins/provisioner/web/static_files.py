"""Scripts and styles of the pages, as files: ours, and small libraries with their licences beside them."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from provisioner.web import rights

STATIC = Path(__file__).parent / "static"
TYPES = {".js": "text/javascript", ".css": "text/css"}

router = APIRouter(dependencies=[rights.read])


@router.get("/static/{file:path}")
def static_file(file: str, request: Request) -> Response:
    """Return a script or a style of ours. Nobody outside has a use for them, so they ask for the right, too."""
    path = (STATIC / file).resolve()
    if not path.is_relative_to(STATIC) or path.suffix not in TYPES or not path.is_file():
        return Response(status_code=404)
    tag = f'"{_fingerprint(path, path.stat().st_mtime_ns)}"'
    # Asked for again each time, and answered in a line: an upgrade is seen at once.
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)


@cache
def _fingerprint(path: Path, _changed_ns: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
