"""A batch keeps the newest version of its extract, by which the next one is seen to be stale."""

from pathlib import Path

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the statements beside this file, as one script (the driver's cursor takes many statements)."""
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
