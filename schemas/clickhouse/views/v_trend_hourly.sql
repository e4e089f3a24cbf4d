-- Counts by hour, unit and topic, each once.
CREATE OR REPLACE VIEW v_trend_hourly
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT hour, unit, topic, posts, concerns, danger, stories, sites
FROM hourly_counts FINAL;
