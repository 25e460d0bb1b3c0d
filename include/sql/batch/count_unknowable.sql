-- batch/count_unknowable.sql
-- What a batch cannot know.  Params: batch_id.
-- Returns: whether nothing was acknowledged before it; accounts that Tucano had before our log knew of them (said by
--          CREATE_ACCOUNT already so); accounts distrusted by it (NULL: not asked to); accounts still distrusted.
SELECT NOT EXISTS (SELECT FROM logged_request WHERE state = 'COMPLETED' AND batch_id < %(batch_id)s),
       (SELECT count(DISTINCT l.account) FROM request_log l
        WHERE l.batch_id = %(batch_id)s AND l.command = 'CREATE_ACCOUNT' AND l.already AND l.state = 'COMPLETED'
          AND NOT EXISTS (SELECT FROM logged_request e WHERE e.account = l.account AND e.log_number < l.log_number
                          AND e.state = 'COMPLETED')),
       (SELECT distrusted_accounts FROM batch WHERE batch_id = %(batch_id)s),
       (SELECT count(*) FROM distrust);
