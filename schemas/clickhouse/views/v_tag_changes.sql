-- When posts came to be tagged otherwise: a step in the trend on such a day may be none in the town.
CREATE OR REPLACE VIEW v_tag_changes
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    at, toDate(at, 'Asia/Shanghai') AS day, since, rules_version, model_version, posts, changed
FROM tag_changes FINAL;
