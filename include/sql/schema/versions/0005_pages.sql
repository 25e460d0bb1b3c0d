-- What the pages ask for is found by index (docs/pages.md). Runs as provisioning_owner.
-- Log and archive keep the same indexes: a partition of one becomes a partition of the other without being read.

-- A batch's requests in the order of closing, of each state: a page of fifty reads fifty rows, not the whole batch.
CREATE INDEX request_log_batch_state ON request_log (batch_id, state, log_number);
CREATE INDEX request_archive_batch_state ON request_archive (batch_id, state, log_number);
DROP INDEX request_log_batch, request_archive_batch;

-- Refusals of all batches, newest first. They are few.
CREATE INDEX request_log_rejected ON request_log (log_number) WHERE state = 'REJECTED';
CREATE INDEX request_archive_rejected ON request_archive (log_number) WHERE state = 'REJECTED';

CREATE INDEX open_plan_parked ON open_plan (parked_at) WHERE parked_at IS NOT NULL;
CREATE INDEX batch_cause ON batch (cause, batch_id);

-- What makes two errors the same: command, code and text, in which digits are alike. What Tucano says about a name may
-- quote it, so the text is left out of CREATE_ACCOUNT's.
CREATE FUNCTION error_signature(command text, error_code text, error_description text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN md5(command || '|' || coalesce(error_code, '') || '|'
               || CASE WHEN command = 'CREATE_ACCOUNT' THEN ''
                       ELSE translate(coalesce(error_description, ''), '0123456789', '##########') END);
GRANT EXECUTE ON FUNCTION error_signature(text, text, text) TO pages;

