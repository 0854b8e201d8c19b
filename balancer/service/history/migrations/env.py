"""What Alembic runs; the connection, with its lock, comes from `balancer.service.history`."""

from __future__ import annotations

from alembic import context

from balancer.service.history.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    # SQLite changes tables by copying them.
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
