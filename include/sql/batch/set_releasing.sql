-- batch/set_releasing.sql
-- A releasing batch needs no extract: its accounts were shown to a person.  Params: batch_id.
UPDATE batch b SET stage = 'GUARDED',
    out_of_sync = (SELECT count(*) FROM batch_item i WHERE i.batch_id = b.batch_id)
WHERE b.batch_id = %(batch_id)s;
