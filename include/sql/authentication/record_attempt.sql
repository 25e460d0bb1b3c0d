-- authentication/record_attempt.sql
-- Keep one attempt to authenticate a subscriber.
-- Params: asked_by (user of Airflow), kind, mark, subscription_number (null where none was meant), outcome.
-- Returns: nothing.
INSERT INTO authentication_attempt (asked_by, identifier_kind, identifier_mark, subscription_number, outcome)
VALUES (%(asked_by)s, %(kind)s, %(mark)s, %(subscription_number)s, %(outcome)s);
