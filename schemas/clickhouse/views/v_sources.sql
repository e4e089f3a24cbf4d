-- How each source was watched on each day in Shanghai.
CREATE OR REPLACE VIEW v_sources
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(at, 'Asia/Shanghai') AS day, source,
    count() AS polls, countIf(outcome IN ('ok', 'not_modified')) AS good_polls,
    sum(new) AS new_posts, min(at) AS first_poll_at, max(at) AS last_poll_at,
    argMax(outcome, at) AS last_outcome, argMax(message, at) AS last_message
FROM polls FINAL
GROUP BY day, source;
