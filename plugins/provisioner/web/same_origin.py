"""Whose pages may call: a browser says where a request comes from, and Airflow itself does not look."""

from __future__ import annotations

from urllib.parse import urlsplit

from airflow.configuration import conf
from fastapi import Request

from provisioner.web.answers import Problematic


async def same_origin(request: Request) -> None:
    """Refuse (403) a request that a page of another origin makes; programs send no Origin and pass.

    Ours are the address the request was sent to, and Airflow's `[api] base_url` (what browsers see of a proxy).
    """
    origin = request.headers.get("origin")
    if origin is None:
        return
    sent_to = _origin(f"{request.url.scheme}://{request.headers.get('host', '')}")
    if origin not in (sent_to, _origin(conf.get("api", "base_url", fallback=""))):
        raise Problematic(403, "FOREIGN_ORIGIN", "Pages of another origin may not call: call from a server.")


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}".lower()
