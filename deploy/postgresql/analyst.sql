-- A role for people who read the history: every table and view, but no picture, and nothing is changed.
-- Run it once in driftgauge's database, as the role that owns its tables (the user of [store] url):
--
--     psql postgresql://driftgauge@db.internal/driftgauge -f analyst.sql
--
-- Then, as an administrator, give it to each person:
--
--     CREATE ROLE ada LOGIN PASSWORD '...' IN ROLE driftgauge_analyst;
--     ALTER ROLE ada SET default_transaction_read_only = on;
--     ALTER ROLE ada SET statement_timeout = '60s';
--
-- The owner needs CREATEROLE for the first statement; otherwise an administrator runs it before.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'driftgauge_analyst') THEN
        CREATE ROLE driftgauge_analyst NOLOGIN;
    END IF;
END $$;

GRANT USAGE ON SCHEMA public TO driftgauge_analyst;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO driftgauge_analyst;

-- Views are created anew when an upgrade changes them, and each day of counts is a table of its own.
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO driftgauge_analyst;

-- Pictures show people: leave this out where analysts may see them.
REVOKE SELECT ON evidence FROM driftgauge_analyst;
GRANT SELECT (
    id, stream, detector, segment, window_start, kind, topic, partition, record_offset, item,
    event_id, event_time, p_value, layer_p_values
) ON evidence TO driftgauge_analyst;
