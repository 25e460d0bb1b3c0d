-- archive/checksum_cold_month.sql
-- What names the content of a cold month, whatever the order of its rows.  Params: closed_from, closed_to.
-- Returns: rows, checksum, first and last log_number.
SELECT count(*), coalesce(sum(hash_record_extended(r, 0)), 0), min(r.log_number), max(r.log_number)
FROM request_archive r
WHERE r.closed_at >= %(closed_from)s AND r.closed_at < %(closed_to)s;
