-- request_log/look_up_by_key.sql
-- Let this session find open requests, plans and claims by their indexes only.  Returns: nothing.
-- When a plan is made for a statement or a foreign key those tables are nearly empty, so that reading all of one looks
-- cheapest; the plan is kept while they fill.
SET enable_seqscan = off;
