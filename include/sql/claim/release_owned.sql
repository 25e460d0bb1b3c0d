-- claim/release_owned.sql
-- Give back whatever one owner holds of some accounts.  Params: owner, accounts.  Returns: nothing.
DELETE FROM claim WHERE owner = %(owner)s AND account = ANY(%(accounts)s::text[]);
