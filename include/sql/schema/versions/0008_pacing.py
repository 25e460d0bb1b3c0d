"""The learned rate of sending, and options whose state an answer left open."""

from pathlib import Path

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Run the statements beside this file, as one script (the driver's cursor takes many statements)."""
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
