-- What each post was tagged by; retagged_at is when it was last tagged again, by the database's clock, 1970 if never.
-- A post that is tagged again keeps its inserted_at but for a millisecond, so that an edit which arrives meanwhile replaces it.
ALTER TABLE posts
    ADD COLUMN IF NOT EXISTS rules_version LowCardinality(String),
    ADD COLUMN IF NOT EXISTS model_version LowCardinality(String),
    ADD COLUMN IF NOT EXISTS retagged_at DateTime64(3, 'UTC');

-- Operators' labels beside the tags that they judged; append-only. The note goes when the post's text goes.
CREATE TABLE IF NOT EXISTS corrections
(
    counted_at     DateTime64(3, 'UTC'),
    source         LowCardinality(String),
    post_id        String,
    at             DateTime64(3, 'UTC'),
    operator       String,
    topics         Array(LowCardinality(String)),
    owed           LowCardinality(String),
    danger         Bool,
    department     LowCardinality(String),
    was_topics     Array(LowCardinality(String)),
    was_owed       LowCardinality(String),
    was_danger     Bool,
    was_department LowCardinality(String),
    rules_version  LowCardinality(String),
    model_version  LowCardinality(String),
    note           String
)
ENGINE = ReplacingMergeTree
ORDER BY (source, post_id, operator, at);

-- One row each time that posts came to be tagged otherwise for another reason than their texts; a run under way replaces its own.
CREATE TABLE IF NOT EXISTS tag_changes
(
    at            DateTime64(3, 'UTC'),
    since         DateTime64(3, 'UTC'),
    rules_version LowCardinality(String),
    model_version LowCardinality(String),
    posts         UInt64,
    changed       UInt64,
    operator      String
)
ENGINE = ReplacingMergeTree
ORDER BY (at, rules_version, model_version);
