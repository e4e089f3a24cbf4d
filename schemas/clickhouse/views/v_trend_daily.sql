-- The hours summed up by the day in Shanghai; stories and sites can't be summed.
CREATE OR REPLACE VIEW v_trend_daily
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    toDate(hour, 'Asia/Shanghai') AS day, unit, topic,
    sum(hourly.posts) AS posts, sum(hourly.concerns) AS concerns, sum(hourly.danger) AS danger,
    max(hourly.concerns) AS busiest_hour
FROM hourly_counts AS hourly FINAL
GROUP BY day, unit, topic;
