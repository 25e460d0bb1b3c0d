-- batch/set_provider.sql
-- Record which version of the provider file a batch uses.  Params: batch_id, hash.
UPDATE batch SET provider_hash = %(hash)s, stage = 'PROVIDER_LOADED' WHERE batch_id = %(batch_id)s;
