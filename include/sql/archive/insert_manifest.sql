-- archive/insert_manifest.sql
-- Record what is done to a month, in the transaction that does it.  Returns: manifest_number.
INSERT INTO archive_manifest (month, operation, tier, closed_from, closed_to, first_log_number, last_log_number,
    rows_before, checksum_before, rows_after, checksum_after, bytes, proof_before, proof_after, file, file_sha256,
    file_rows, file_checksum, performed_by, run_id, reason, seconds, verified_at)
VALUES (%(month)s, %(operation)s, %(tier)s, %(closed_from)s, %(closed_to)s, %(first_log_number)s, %(last_log_number)s,
    %(rows_before)s, %(checksum_before)s, %(rows_after)s, %(checksum_after)s, %(bytes)s, %(proof_before)s,
    %(proof_after)s, %(file)s, %(file_sha256)s, %(file_rows)s, %(file_checksum)s, %(performed_by)s, %(run_id)s,
    %(reason)s, %(seconds)s, CASE WHEN %(rows_after)s::bigint IS NOT NULL THEN clock_timestamp() END)
RETURNING manifest_number;
