-- archive/insert_forgotten.sql
-- Record that a person was forgotten.
-- Params: subscription_number, accounts, reason, performed_by, run_id, rows_changed.  Returns: nothing.
INSERT INTO forgotten_person (subscription_number, accounts, reason, performed_by, run_id, rows_changed)
VALUES (%(subscription_number)s, %(accounts)s, %(reason)s, %(performed_by)s, %(run_id)s, %(rows_changed)s);
