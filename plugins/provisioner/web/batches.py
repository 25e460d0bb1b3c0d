"""The runs of every door, and one of them: its plan, its requests, its errors."""

from __future__ import annotations

from fastapi import APIRouter

from provisioner.web import rights

router = APIRouter(dependencies=[rights.read])
