"""The archive keeps what people answered, gives months back, forgets in texts, and knows merged accounts."""

from pathlib import Path

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the statements beside this file, as one script (the driver's cursor takes many statements)."""
    op.get_bind().connection.cursor().execute(Path(__file__).with_suffix(".sql").read_text())
