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

-- One row for each bin of a window: how many p-values lay in (p_low, p_high]. Where windows are not kept
-- any more, of an hour or a day.
CREATE VIEW p_value_histogram AS
{histogram};

-- The same by day (UTC), and quick over all of history.
CREATE VIEW p_value_histogram_daily AS
{histogram by day};
