-- archive/complete_manifest.sql
-- Record the look back at a move.
-- Params: manifest_number, rows_after, checksum_after, proof_after, seconds.
UPDATE archive_manifest
SET rows_after = %(rows_after)s, checksum_after = %(checksum_after)s, proof_after = %(proof_after)s,
    seconds = %(seconds)s, verified_at = clock_timestamp()
WHERE manifest_number = %(manifest_number)s AND verified_at IS NULL;
