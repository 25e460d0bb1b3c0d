-- distrust/count_distrusted.sql
-- How many accounts wait for an answer?  Returns: count.
SELECT count(*) FROM distrust;
