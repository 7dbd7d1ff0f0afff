# Keeps the agent running inside a pod of the model. Kubernetes sends no requests to a pod in which a container
# has ended, and a monitor must not take the model away: so this container does not end before its pod does.
stop() {
    stopping=1
    [ -z "$child" ] || kill -TERM "$child" 2>/dev/null
}
stopping="" child=""
trap stop TERM INT
while [ -z "$stopping" ]; do
    driftgauge run &
    child=$!
    wait "$child"
    code=$?
    [ -z "$stopping" ] || { wait "$child"; break; }
    echo "sidecar: driftgauge ended with exit code $code, see above; it is started again in ${RESTART_SECONDS:-10} s" >&2
    sleep "${RESTART_SECONDS:-10}" &
    child=$!
    wait "$child"
done
exit 0
