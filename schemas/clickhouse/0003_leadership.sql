-- One row each time that an alerter took the lead. The greatest (number, holder) is the current term: what an earlier one still writes is refused.
CREATE TABLE IF NOT EXISTS leader_terms
(
    number UInt64,
    holder String,
    taken  DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = MergeTree
ORDER BY (number, holder);
