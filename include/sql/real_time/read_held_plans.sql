-- real_time/read_held_plans.sql
-- Plans that a night holds whole, giving and taking, for a new version of the provider file: until a person releases
-- them or a later night looks again.  Params: accounts, provider_hash.  Returns: account, planned.
-- An operator who put the file back to another version has taken that plan back himself.
SELECT i.account, i.planned
FROM batch_item i JOIN batch b USING (batch_id)
WHERE i.account = ANY(%(accounts)s::text[]) AND i.outcome = 'HELD'
  AND b.plan_held AND NOT b.dry_run AND b.provider_hash = %(provider_hash)s
  AND NOT EXISTS (SELECT FROM release_decision d WHERE d.batch_id = b.batch_id AND d.approved)
  AND NOT EXISTS (SELECT FROM batch later WHERE later.batch_id > b.batch_id AND later.cause = 'RESET_RUN'
                  AND NOT later.filtered AND NOT later.dry_run AND later.plan_hash IS NOT NULL);
