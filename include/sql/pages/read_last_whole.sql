-- pages/read_last_whole.sql
-- The last closed run over all subscriptions that read the CRM.  Params: none.  Returns: batch_id, or no row.
SELECT batch_id FROM batch
WHERE cause = 'RESET_RUN' AND NOT filtered AND closed_at IS NOT NULL AND out_of_sync IS NOT NULL
ORDER BY batch_id DESC LIMIT 1;
