-- An event is out of distribution when its p-value is at most its stream's alpha. The rate is that of
-- all events that the scored ones stand for, so that sampling does not bend it. The words in braces are
-- spelled out in views.py and rate_views.py: each view reads its own level of the history.

CREATE VIEW ood_rate_by_window AS
{rates by window};

CREATE VIEW ood_rate_minutely AS
{rates by minute};

CREATE VIEW ood_rate_hourly AS
{rates by hour};

CREATE VIEW ood_rate_daily AS
{rates by day};

-- The counts as they were made, with the names of their series.
CREATE VIEW score_window AS
SELECT stream, detector, {window_start} AS window_start, segment, layer, events,
       {bins},
       score_sum, score_max,
       COALESCE(left_out, 0) AS left_out, COALESCE(left_out_ood, 0) AS left_out_ood
FROM {windows}
WHERE {of scores};

-- One row for each alert, with the times at which a person or the monitor changed its state.
CREATE VIEW alert_history AS
SELECT alert.id AS alert_id, alert.stream, alert.segment, alert.test, alert.detector,
       alert.severity, alert.state, alert.since, alert.opened_at,
       acknowledged.changed_at AS acknowledged_at, acknowledged.actor AS acknowledged_by,
       alert.resolved_at, resolved.actor AS resolved_by,
       alert.rate_now, alert.rate_peak, alert.rate_normal, alert.events, alert.reopened,
       alert.log_e_value, alert.verdict, alert.incident_id, alert.judged_by, alert.looks_like,
       {seconds alert.opened_at acknowledged.changed_at} AS seconds_to_acknowledge,
       {seconds alert.opened_at alert.resolved_at} AS seconds_to_resolve,
       {seconds alert.since alert.refreshed_at} AS seconds_changed,
       alert.message
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

-- One row for each bin of a window: how many p-values lay in (p_low, p_high]. Where windows are not kept
-- any more, of an hour or a day.
CREATE VIEW p_value_histogram AS
{histogram};

-- The same by day (UTC), and quick over all of history.
CREATE VIEW p_value_histogram_daily AS
{histogram by day};

-- How often the model predicted each class of its detector's reference; the rest is "(other classes)".
CREATE VIEW class_rate_hourly AS
{classes by hour};

CREATE VIEW class_rate_daily AS
{classes by day};

-- How sure the model was of what it predicted.
CREATE VIEW confidence_hourly AS
{confidence by hour};

CREATE VIEW confidence_daily AS
{confidence by day};

-- The last 24 hours of each segment before the newest event in the database, beside what is normal in
-- it: its rate on its detector's reference, or else that of its own 28 days before.
CREATE VIEW top_movers AS
WITH latest AS (
    SELECT series.stream, series.segment, CAST(SUM(events) AS BIGINT) AS events,
           CAST(SUM({ood}) AS BIGINT) AS ood_events,
           CAST(SUM({ood} + COALESCE(left_out_ood, 0)) AS DOUBLE PRECISION)
               / SUM(events + COALESCE(left_out, 0)) AS ood_rate
    FROM {hours of the last day} JOIN stream ON stream.stream = series.stream
    WHERE series.layer = '*' AND events > 0
    GROUP BY series.stream, series.segment
), earlier AS (
    SELECT series.stream, series.segment,
           CAST(SUM({ood} + COALESCE(left_out_ood, 0)) AS DOUBLE PRECISION)
               / SUM(events + COALESCE(left_out, 0)) AS ood_rate
    FROM {days before} JOIN stream ON stream.stream = series.stream
    WHERE series.layer = '*' AND events > 0
    GROUP BY series.stream, series.segment
), compared AS (
    SELECT latest.stream, latest.segment, latest.events, latest.ood_events, latest.ood_rate,
           earlier.ood_rate AS earlier_rate,
           COALESCE({registered rate}, earlier.ood_rate) AS normal_rate, stream.alpha
    FROM latest
    JOIN stream ON stream.stream = latest.stream
    LEFT JOIN earlier ON earlier.stream = latest.stream AND earlier.segment = latest.segment
    LEFT JOIN detector ON detector.stream = latest.stream AND detector.status = 'active'
)
SELECT stream, segment, events, ood_events, ood_rate, earlier_rate, normal_rate,
       ood_rate - normal_rate AS beyond,
       (ood_rate - COALESCE(normal_rate, alpha)) * events / (events + 50.0) AS weight
FROM compared;

-- What each detector version counted, and how its alerts were judged.
CREATE VIEW detector_history AS
SELECT detector.stream, detector.detector, detector.status,
       detector.status = 'active' AS active,
       detector.created_at, detector.uri,
       counted.first_day, counted.last_day, COALESCE(counted.events, 0) AS events,
       counted.ood_rate, COALESCE(raised.alerts, 0) AS alerts,
       COALESCE(raised.found_false, 0) AS found_false
FROM detector
LEFT JOIN (
    SELECT stream, detector, MIN(period_start) AS first_day, MAX(period_start) AS last_day,
           CAST(SUM(events) AS BIGINT) AS events,
           SUM(ood_rate * represented) / SUM(represented) AS ood_rate
    FROM ood_rate_daily
    WHERE segment = '*' AND layer = '*'
    GROUP BY stream, detector
) AS counted ON counted.stream = detector.stream AND counted.detector = detector.detector
LEFT JOIN (
    SELECT stream, detector, COUNT(*) AS alerts,
           SUM(CASE WHEN verdict = 'false' THEN 1 ELSE 0 END) AS found_false
    FROM alert
    GROUP BY stream, detector
) AS raised ON raised.stream = detector.stream AND raised.detector = detector.detector;

-- How each segment of the active detector stands now: one row for each.
CREATE VIEW segments_now AS
SELECT progress.stream, progress.segment, progress.detector,
       CASE
           WHEN live.alert_id IS NOT NULL THEN 'alert'
           WHEN live.silence_id IS NOT NULL THEN 'silent'
           WHEN progress.judged_until IS NULL THEN 'waiting'
           WHEN baseline.segment IS NULL THEN 'learning'
           WHEN baseline.tests = '' THEN 'untested'
           ELSE 'judged'
       END AS state,
       progress.event_time_max AS last_event_at, progress.counted_at AS last_counted_at,
       progress.judged_until AS last_judged_window, progress.events,
       now.ood_rate AS rate_now, mover.ood_rate AS rate_of_day,
       COALESCE(raised.rate_normal, mover.normal_rate) AS rate_normal,
       standing.nearness, baseline.source AS baseline_source,
       baseline.effective_events AS baseline_effective_events,
       COALESCE(live.alert_id, live.silence_id) AS alert_id, raised.severity AS alert_severity,
       raised.since AS alert_since, progress.clock_offset_seconds
FROM segment_progress AS progress
JOIN detector ON detector.stream = progress.stream AND detector.detector = progress.detector
    AND detector.status = 'active'
LEFT JOIN segment_baseline AS baseline ON baseline.stream = progress.stream
    AND baseline.detector = progress.detector AND baseline.segment = progress.segment
LEFT JOIN segment_state AS standing ON standing.stream = progress.stream
    AND standing.detector = progress.detector AND standing.segment = progress.segment
    AND standing.test = '*'
LEFT JOIN (
    SELECT stream, segment, MAX(CASE WHEN test <> 'silence' THEN id END) AS alert_id,
           MAX(CASE WHEN test = 'silence' THEN id END) AS silence_id
    FROM alert
    WHERE state IN ('open', 'acknowledged')
    GROUP BY stream, segment
) AS live ON live.stream = progress.stream AND live.segment = progress.segment
LEFT JOIN alert AS raised ON raised.id = COALESCE(live.alert_id, live.silence_id)
LEFT JOIN (
    SELECT series.stream, series.segment,
           CAST(SUM({ood} + COALESCE(left_out_ood, 0)) AS DOUBLE PRECISION)
               / SUM(events + COALESCE(left_out, 0)) AS ood_rate
    FROM {hours of the last two} JOIN stream ON stream.stream = series.stream
    WHERE series.layer = '*' AND events > 0
    GROUP BY series.stream, series.segment
) AS now ON now.stream = progress.stream AND now.segment = progress.segment
LEFT JOIN top_movers AS mover ON mover.stream = progress.stream
    AND mover.segment = progress.segment;
