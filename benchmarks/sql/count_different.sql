-- How many accounts were made to differ.
SELECT count(*) FROM different;
