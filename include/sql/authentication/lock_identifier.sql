-- authentication/lock_identifier.sql
-- Wait until no other transaction asks about the same identifier, and keep the others waiting until this one ends.
-- Params: mark (keyed hash of the identifier).  Returns: one row without meaning.
-- By PostgreSQL and not in memory: several API server processes count together.
SELECT pg_advisory_xact_lock(hashtextextended(encode(%(mark)s::bytea, 'hex'), 0));
