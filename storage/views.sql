-- An event is out of distribution when its p-value is at most its stream's alpha. The rate is that of
-- all events that the scored ones stand for, so that sampling does not bend it.
-- The words in braces are spelled out in views.py.

CREATE VIEW ood_rate_by_window AS
SELECT stream, segment, layer, detector, period_start, events, ood_events,
       CAST(represented_ood AS DOUBLE PRECISION) / represented AS ood_rate, represented, alpha
FROM (
    SELECT stream.stream, segment, layer, detector, {window_start} AS period_start, alpha,
           CAST(SUM(events) AS BIGINT) AS events,
           CAST(SUM({ood_events}) AS BIGINT) AS ood_events,
           CAST(SUM(events + COALESCE(left_out, 0)) AS BIGINT) AS represented,
           CAST(SUM({ood_events} + COALESCE(left_out_ood, 0)) AS BIGINT) AS represented_ood
    FROM {windows} JOIN stream ON stream.stream = series.stream
    GROUP BY stream.stream, segment, layer, detector, {window_start}, alpha
) AS period
WHERE events > 0;

CREATE VIEW ood_rate_minutely AS
SELECT stream, segment, layer, detector, period_start, events, ood_events,
       CAST(represented_ood AS DOUBLE PRECISION) / represented AS ood_rate, represented, alpha
FROM (
    SELECT stream.stream, segment, layer, detector, {minute} AS period_start, alpha,
           CAST(SUM(events) AS BIGINT) AS events,
           CAST(SUM({ood_events}) AS BIGINT) AS ood_events,
           CAST(SUM(events + COALESCE(left_out, 0)) AS BIGINT) AS represented,
           CAST(SUM({ood_events} + COALESCE(left_out_ood, 0)) AS BIGINT) AS represented_ood
    FROM {windows} JOIN stream ON stream.stream = series.stream
    GROUP BY stream.stream, segment, layer, detector, {minute}, alpha
) AS period
WHERE events > 0;

CREATE VIEW ood_rate_hourly AS
SELECT stream, segment, layer, detector, period_start, events, ood_events,
       CAST(represented_ood AS DOUBLE PRECISION) / represented AS ood_rate, represented, alpha
FROM (
    SELECT stream.stream, segment, layer, detector, {hour} AS period_start, alpha,
           CAST(SUM(events) AS BIGINT) AS events,
           CAST(SUM({ood_events}) AS BIGINT) AS ood_events,
           CAST(SUM(events + COALESCE(left_out, 0)) AS BIGINT) AS represented,
           CAST(SUM({ood_events} + COALESCE(left_out_ood, 0)) AS BIGINT) AS represented_ood
    FROM {windows} JOIN stream ON stream.stream = series.stream
    GROUP BY stream.stream, segment, layer, detector, {hour}, alpha
) AS period
WHERE events > 0;

CREATE VIEW ood_rate_daily AS
SELECT stream, segment, layer, detector, period_start, events, ood_events,
       CAST(represented_ood AS DOUBLE PRECISION) / represented AS ood_rate, represented, alpha
FROM (
    SELECT stream.stream, segment, layer, detector, {day} AS period_start, alpha,
           CAST(SUM(events) AS BIGINT) AS events,
           CAST(SUM({ood_events}) AS BIGINT) AS ood_events,
           CAST(SUM(events + COALESCE(left_out, 0)) AS BIGINT) AS represented,
           CAST(SUM({ood_events} + COALESCE(left_out_ood, 0)) AS BIGINT) AS represented_ood
    FROM {windows} JOIN stream ON stream.stream = series.stream
    GROUP BY stream.stream, segment, layer, detector, {day}, alpha
) AS period
WHERE events > 0;

-- The counts as they were made, with the names of their series.
CREATE VIEW score_window AS
SELECT stream, detector, {window_start} AS window_start, segment, layer, events,
       {bins},
       score_sum, score_max,
       COALESCE(left_out, 0) AS left_out, COALESCE(left_out_ood, 0) AS left_out_ood
FROM {windows};

-- One row for each alert, with the times at which a person or the monitor changed its state.
CREATE VIEW alert_history AS
SELECT alert.id AS alert_id, alert.stream, alert.segment, alert.test, alert.detector,
       alert.severity, alert.state, alert.since, alert.opened_at,
       acknowledged.changed_at AS acknowledged_at, acknowledged.actor AS acknowledged_by,
       alert.resolved_at, resolved.actor AS resolved_by,
       alert.rate_now, alert.rate_peak, alert.rate_normal, alert.events, alert.reopened,
       alert.log_e_value, alert.verdict, alert.incident_id, alert.message
FROM alert
LEFT JOIN alert_transition AS acknowledged ON acknowledged.id = (
    SELECT max(id) FROM alert_transition
    WHERE alert_id = alert.id AND to_state = 'acknowledged' AND from_state <> to_state
)
LEFT JOIN alert_transition AS resolved ON alert.resolved_at IS NOT NULL AND resolved.id = (
    SELECT max(id) FROM alert_transition
    WHERE alert_id = alert.id AND to_state IN ('resolved', 'gone') AND from_state <> to_state
);

-- One row for each incident: alerts that began together, which make one page.
CREATE VIEW incident_history AS
SELECT incident.id AS incident_id, incident.stream, incident.severity, incident.state, incident.since,
       incident.until, incident.opened_at, incident.resolved_at, incident.members, incident.live,
       incident.key, incident.changed, incident.known, incident.cause, alert.id AS first_alert_id,
       alert.segment AS first_segment, alert.message AS first_message
FROM incident JOIN alert ON alert.id = incident.first_alert_id;

-- How often the alerts of each test were right, by the word of people.
CREATE VIEW alert_verdicts AS
SELECT stream, test, severity, count(*) AS alerts,
       sum(CASE WHEN verdict = 'real' THEN 1 ELSE 0 END) AS found_real,
       sum(CASE WHEN verdict = 'accepted' THEN 1 ELSE 0 END) AS found_accepted,
       sum(CASE WHEN verdict = 'false' THEN 1 ELSE 0 END) AS found_false,
       sum(CASE WHEN verdict IS NULL THEN 1 ELSE 0 END) AS unjudged
FROM alert
GROUP BY stream, test, severity;

-- One row for each bin of a window: how many p-values lay in (p_low, p_high].
CREATE VIEW p_value_histogram AS
SELECT stream, segment, layer, detector, window_start,
       CAST(p_low AS DOUBLE PRECISION) AS p_low, CAST(p_high AS DOUBLE PRECISION) AS p_high,
       CASE bin
           WHEN 0 THEN bin_00
           WHEN 1 THEN bin_01
           WHEN 2 THEN bin_02
           WHEN 3 THEN bin_03
           WHEN 4 THEN bin_04
           WHEN 5 THEN bin_05
           WHEN 6 THEN bin_06
           WHEN 7 THEN bin_07
           WHEN 8 THEN bin_08
           WHEN 9 THEN bin_09
           WHEN 10 THEN bin_10
           WHEN 11 THEN bin_11
           WHEN 12 THEN bin_12
           WHEN 13 THEN bin_13
           WHEN 14 THEN bin_14
           WHEN 15 THEN bin_15
           WHEN 16 THEN bin_16
           WHEN 17 THEN bin_17
       END AS events
FROM score_window CROSS JOIN (
    SELECT 0 AS bin, 0 AS p_low, 0.0001 AS p_high
    UNION ALL SELECT 1, 0.0001, 0.0003
    UNION ALL SELECT 2, 0.0003, 0.001
    UNION ALL SELECT 3, 0.001, 0.003
    UNION ALL SELECT 4, 0.003, 0.01
    UNION ALL SELECT 5, 0.01, 0.02
    UNION ALL SELECT 6, 0.02, 0.05
    UNION ALL SELECT 7, 0.05, 0.1
    UNION ALL SELECT 8, 0.1, 0.2
    UNION ALL SELECT 9, 0.2, 0.3
    UNION ALL SELECT 10, 0.3, 0.4
    UNION ALL SELECT 11, 0.4, 0.5
    UNION ALL SELECT 12, 0.5, 0.6
    UNION ALL SELECT 13, 0.6, 0.7
    UNION ALL SELECT 14, 0.7, 0.8
    UNION ALL SELECT 15, 0.8, 0.9
    UNION ALL SELECT 16, 0.9, 0.95
    UNION ALL SELECT 17, 0.95, 1
) AS edges;
