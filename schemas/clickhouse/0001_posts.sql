-- One row a post. The key opens with the hour, so that a window reads only its own hours; counted_at never changes.
CREATE TABLE IF NOT EXISTS posts
(
    counted_at   DateTime64(3, 'UTC'),
    source       LowCardinality(String),
    id           String,
    source_kind  LowCardinality(String),
    site         LowCardinality(String),
    url          String,
    title        String,
    body         String,
    published_at Nullable(DateTime64(3, 'UTC')),
    seen_at      DateTime64(3, 'UTC'),
    updated_at   Nullable(DateTime64(3, 'UTC')),
    thread       String,
    thread_title String,
    topics       Array(LowCardinality(String)),
    category     LowCardinality(String),
    units        Array(LowCardinality(String)),
    owed         LowCardinality(String),
    danger       Bool,
    sensitivity  UInt8,
    department   LowCardinality(String),
    story_id     String,
    why          String,
    inserted_at  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(inserted_at)
PARTITION BY toYYYYMM(counted_at)
ORDER BY (toStartOfHour(counted_at), source, id);

-- Every reading of reply and view numbers; gains are differences of readings, never a running total.
CREATE TABLE IF NOT EXISTS engagement
(
    source     LowCardinality(String),
    id         String,
    counted_at DateTime64(3, 'UTC'),
    at         DateTime64(3, 'UTC'),
    replies    Nullable(UInt64),
    views      Nullable(UInt64)
)
ENGINE = ReplacingMergeTree
ORDER BY (source, id, at);

CREATE TABLE IF NOT EXISTS polls
(
    source  LowCardinality(String),
    at      DateTime64(3, 'UTC'),
    outcome LowCardinality(String),
    status  Nullable(UInt16),
    listed  UInt32,
    new     UInt32,
    bytes   UInt64,
    message String
)
ENGINE = ReplacingMergeTree
ORDER BY (source, at);

-- One writer, the alerter. unit '' is the area, '*' all posts; topic '' is the unit's total (a post on two topics is one post).
CREATE TABLE IF NOT EXISTS hourly_counts
(
    hour     DateTime64(3, 'UTC'),
    unit     LowCardinality(String),
    topic    LowCardinality(String),
    posts    UInt32,
    concerns UInt32,
    danger   UInt32,
    stories  UInt32,
    sites    UInt32,
    counted  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(counted)
PARTITION BY toYear(hour)
ORDER BY (hour, unit, topic);
