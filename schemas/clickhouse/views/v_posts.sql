-- The posts, each once; who may read this view need not be let at the table.
CREATE OR REPLACE VIEW v_posts
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    counted_at,
    toDateTime64(toStartOfHour(counted_at), 3, 'UTC') AS hour,
    toDate(counted_at, 'Asia/Shanghai') AS day,
    source, id, source_kind, site, url, title, body,
    published_at, seen_at, updated_at, thread, thread_title,
    topics, category AS topic, units,
    owed, CAST(owed != 'mention', 'Bool') AS concern, danger, sensitivity, department,
    story_id AS story, rules_version, model_version
FROM posts FINAL;
