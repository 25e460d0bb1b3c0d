-- archive/forget_in_texts.sql
-- Blank what is written about people besides the log.  Params: accounts, subscription_numbers, words.
-- Returns: rows that had something, by table.
SELECT forget_in_texts(%(accounts)s::text[], %(subscription_numbers)s::text[], %(words)s::text[]);
