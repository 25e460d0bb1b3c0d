-- known_state/find_serial_holders.sql
-- Which accounts is Tucano known to have these boxes at, or may it, being put back to a backup?
-- Params: serial_numbers.  Returns: serial_number, account.
SELECT s.serial_number, k.account
FROM known_state k CROSS JOIN LATERAL unnest(serial_numbers(k.materials)) AS s (serial_number)
WHERE serial_numbers(k.materials) && %(serial_numbers)s::text[] AND s.serial_number = ANY(%(serial_numbers)s::text[])
UNION
SELECT s.serial_number, t.account
FROM distrust t CROSS JOIN LATERAL unnest(serial_numbers(t.materials)) AS s (serial_number)
WHERE serial_numbers(t.materials) && %(serial_numbers)s::text[] AND s.serial_number = ANY(%(serial_numbers)s::text[]);
