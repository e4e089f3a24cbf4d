-- Each matter with its course; without the names by which the office's staff sign.
CREATE OR REPLACE VIEW v_matters
DEFINER = CURRENT_USER SQL SECURITY DEFINER
AS SELECT
    matter.id AS id, matter.topic AS topic, matter.unit AS unit, matter.tier AS tier,
    CAST(matter.closed_at IS NULL, 'Bool') AS open,
    course.first_at AS first_opened_at, matter.opened_at AS opened_at,
    matter.changed_at AS changed_at, matter.closed_at AS closed_at, matter.report_by AS report_by,
    course.highest_tier AS highest_tier, course.tier_2_at AS tier_2_at,
    course.tier_3_at AS tier_3_at, course.tier_4_at AS tier_4_at, course.changes AS changes,
    answer.acknowledged_at AS acknowledged_at, answer.reported_at AS reported_at
FROM (SELECT * FROM matters FINAL) AS matter
LEFT JOIN
(
    SELECT matter_id, count() AS changes, max(tier) AS highest_tier,
        minIf(toNullable(at), kind = 'opened') AS first_at,
        minIf(toNullable(at), tier >= 2) AS tier_2_at,
        minIf(toNullable(at), tier >= 3) AS tier_3_at,
        minIf(toNullable(at), tier >= 4) AS tier_4_at
    FROM matter_events FINAL
    GROUP BY matter_id
) AS course ON course.matter_id = matter.id
LEFT JOIN
(
    SELECT matter_id, minIf(toNullable(at), kind = 'acknowledge') AS acknowledged_at,
        minIf(toNullable(at), kind = 'reported') AS reported_at
    FROM actions FINAL
    GROUP BY matter_id
) AS answer ON answer.matter_id = matter.id;
