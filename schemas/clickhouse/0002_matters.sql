-- Where each matter stands now; written by the alerter after the event that changed it.
CREATE TABLE IF NOT EXISTS matters
(
    id                String,
    topic             LowCardinality(String),
    unit              String,
    tier              UInt8,
    sequence          UInt32,
    opened_at         DateTime64(3, 'UTC'),
    changed_at        DateTime64(3, 'UTC'),
    clock_since       DateTime64(3, 'UTC'),
    entry_level       Nullable(UInt32),
    closed_at         Nullable(DateTime64(3, 'UTC')),
    below_since       Nullable(DateTime64(3, 'UTC')),
    report_by         Nullable(DateTime64(3, 'UTC')),
    danger_at         Nullable(DateTime64(3, 'UTC')),
    news_at           Nullable(DateTime64(3, 'UTC')),
    danger_cleared_at Nullable(DateTime64(3, 'UTC')),
    news_cleared_at   Nullable(DateTime64(3, 'UTC')),
    written           DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(written)
ORDER BY id;

-- Append-only: one row a change. `state` is the matter after it, so that a crash between the two writes can be mended.
CREATE TABLE IF NOT EXISTS matter_events
(
    matter_id String,
    sequence  UInt32,
    topic     LowCardinality(String),
    unit      String,
    at        DateTime64(3, 'UTC'),
    kind      LowCardinality(String),
    tier      UInt8,
    reason    LowCardinality(String),
    posts     UInt32,
    concerns  UInt32,
    stories   UInt32,
    sites     UInt32,
    sources   UInt32,
    replies   UInt64,
    views     UInt64,
    coverage  Float64,
    report_by Nullable(DateTime64(3, 'UTC')),
    state     String
)
ENGINE = ReplacingMergeTree
ORDER BY (matter_id, sequence);

CREATE TABLE IF NOT EXISTS deliveries
(
    event_id String,
    channel  LowCardinality(String),
    at       DateTime64(3, 'UTC'),
    outcome  LowCardinality(String),
    detail   String
)
ENGINE = MergeTree
ORDER BY (event_id, channel, at);

-- The operators' audit trail: the only place where a name stands, and it is the office's own staff.
CREATE TABLE IF NOT EXISTS actions
(
    id        String,
    matter_id String,
    kind      LowCardinality(String),
    at        DateTime64(3, 'UTC'),
    operator  String,
    note      String
)
ENGINE = ReplacingMergeTree
ORDER BY (matter_id, at, id);

-- How far a job has come, by name.
CREATE TABLE IF NOT EXISTS marks
(
    name    String,
    at      DateTime64(3, 'UTC'),
    written DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(written)
ORDER BY name;
