-- How many actions came, and how many of them still wait or were parked.
SELECT count(*), count(*) FILTER (WHERE state <> 'DONE') FROM action_inbox;
