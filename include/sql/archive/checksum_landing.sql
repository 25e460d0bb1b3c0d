-- archive/checksum_landing.sql
-- What names the content that was read back.  Returns: rows, checksum, first and last log_number.
SELECT count(*), coalesce(sum(hash_record_extended(r, 0)), 0), min(r.log_number), max(r.log_number) FROM landing r;
