-- import/list_standing.sql
-- What stands against an import of accounts.
-- Params: accounts.  Returns: account, whether it has an open request, whether it has a known state.
SELECT a.account, EXISTS (SELECT FROM open_plan p WHERE p.account = a.account),
       EXISTS (SELECT FROM known_state k WHERE k.account = a.account)
FROM unnest(%(accounts)s::text[]) AS a (account);
