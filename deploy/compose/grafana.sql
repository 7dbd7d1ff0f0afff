-- Grafana's own role: it reads what analysts read, and the stored pictures, for the board of images.
-- After analyst.sql; the password is in the environment, so that no list of processes shows it.
\set ON_ERROR_STOP on
\getenv password GRAFANA_DATABASE_PASSWORD
SELECT 'CREATE ROLE grafana LOGIN'
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'grafana') \gexec
ALTER ROLE grafana PASSWORD :'password';
ALTER ROLE grafana SET default_transaction_read_only = on;
ALTER ROLE grafana SET statement_timeout = '60s';
GRANT driftgauge_analyst TO grafana;
GRANT SELECT (thumbnail) ON evidence TO grafana;
