-- The shipped function, as the detect step asks it.
SELECT account, subscription_numbers FROM out_of_sync(%(batch_id)s, %(by_fingerprint)s);
