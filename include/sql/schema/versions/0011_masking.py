"""Data teams do not read what Tucano says in free text: it may quote a person whatever the command was."""

from pathlib import Path

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the statements beside this file, as one script (the driver's cursor takes many statements)."""
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
