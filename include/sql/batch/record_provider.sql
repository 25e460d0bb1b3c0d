-- batch/record_provider.sql
-- Keep the provider file under its hash.  Params: hash, name, alternative_code, state, document (jsonb).
INSERT INTO provider_version (hash, name, alternative_code, state, document)
VALUES (%(hash)s, %(name)s, %(alternative_code)s, %(state)s, %(document)s)
ON CONFLICT (hash) DO NOTHING;
