-- One batch of the move that the swap is measured against: a range of keys in one statement.
WITH moved AS (
    DELETE FROM batched_from WHERE log_number >= %(first)s AND log_number < %(end)s RETURNING *
)
INSERT INTO batched_to SELECT * FROM moved;
