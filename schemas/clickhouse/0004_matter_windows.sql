-- What each open matter counted in the minute that was decided last: the numbers that the page shows.
CREATE TABLE IF NOT EXISTS matter_windows
(
    matter_id String,
    at        DateTime64(3, 'UTC'),
    posts     UInt32,
    concerns  UInt32,
    stories   UInt32,
    sites     UInt32,
    sources   UInt32,
    replies   UInt64,
    views     UInt64,
    coverage  Float64,
    volume    UInt64,
    growing   Bool,
    written   DateTime64(6, 'UTC') DEFAULT now64(6)
)
ENGINE = ReplacingMergeTree(written)
ORDER BY matter_id;
