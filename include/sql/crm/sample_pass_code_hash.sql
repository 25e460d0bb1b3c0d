-- crm/sample_pass_code_hash.sql
-- Read the hash of some access token's pass code, whichever is cheapest to find.
-- Params: none.  Returns: pass_code_hash; no row where the CRM has no access token.
-- Only its cost parameters are used: an unknown identifier is made to take as long as a wrong pass code.
SELECT pass_code_hash
FROM crm.access_tokens
LIMIT 1;
