-- archive/move_landing_aside.sql
-- Let another landing be made in this transaction, beside the one that may be there.
ALTER TABLE IF EXISTS landing RENAME TO landing_aside;
