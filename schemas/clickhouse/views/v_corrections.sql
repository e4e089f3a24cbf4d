-- What operators said of the tags; without their names and notes.
CREATE OR REPLACE VIEW v_corrections
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    at, toDate(at, 'Asia/Shanghai') AS day, source, post_id, counted_at,
    topics, owed, danger, department, was_topics, was_owed, was_danger, was_department,
    CAST(
        (topics, owed, danger, department) = (was_topics, was_owed, was_danger, was_department),
        'Bool'
    ) AS agrees,
    rules_version, model_version
FROM corrections FINAL;
