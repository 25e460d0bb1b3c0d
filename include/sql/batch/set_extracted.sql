-- batch/set_extracted.sql
-- Record what the extract gave.
-- Params: batch_id, extracted_rows, rejected_rows, counted_rows, landed_accounts, duplicate_keys, newest_version,
--         not_whole_because (what was seen while reading; the proof adds to it).
UPDATE batch
SET stage = 'EXTRACTED', extracted_rows = %(extracted_rows)s, rejected_rows = %(rejected_rows)s,
    counted_rows = %(counted_rows)s, landed_accounts = %(landed_accounts)s, duplicate_keys = %(duplicate_keys)s,
    newest_version = %(newest_version)s, not_whole_because = %(not_whole_because)s
WHERE batch_id = %(batch_id)s;
