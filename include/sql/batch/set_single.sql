-- batch/set_single.sql
-- A batch of one account has no extract to be proven: its row was read by number.
-- Params: batch_id, extracted_rows, out_of_sync.
UPDATE batch SET stage = 'GUARDED', extracted_rows = %(extracted_rows)s, out_of_sync = %(out_of_sync)s
WHERE batch_id = %(batch_id)s;
