-- Since when was one subscription in a hundred created?
SELECT percentile_disc(0.99) WITHIN GROUP (ORDER BY created_at)::text FROM crm.subscriptions;
