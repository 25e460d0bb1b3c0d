"""What is known on day one and after a restore: distrust, imported files, request numbers begun anew."""

from pathlib import Path

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the statements beside this file, as one script (the driver's cursor takes many statements)."""
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
