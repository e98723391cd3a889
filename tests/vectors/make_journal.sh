#!/usr/bin/env bash
# Makes a small journal with something of everything: jobs over and active, stages of several attempts, gates,
# labels, violations, a strict job, late occurred_at, a deleted job, events that are in the file alone, a
# compressed file. Usage: make.sh <folder of the programs> <empty folder>
set -euo pipefail
bin=$1; out=$2
port=18377
config=$out/config.yaml
write_config() {
  sed -e "s#^  runs_dir: .*#  runs_dir: $out/runs#" -e "s#^  port: .*#  port: $port#" \
      -e "s#^  events_retention_days: .*#  events_retention_days: $1#" \
      -e "s#^  compress_after_days: .*#  compress_after_days: $2#" "$(dirname "${BASH_SOURCE[0]}")/../../conf/operator.yaml" > "$config"
}
start() { "$@" "$bin/stagelogd" --config "$config" > "$out/log" 2>&1 & daemon=$!; until curl -sf http://127.0.0.1:$port/healthz >/dev/null; do kill -0 $daemon; sleep 0.1; done; }
stop() { kill $daemon; wait $daemon || true; }
post() { curl -sf -H "Authorization: Bearer default-admin-token-change-me" -H 'Content-Type: application/json' "http://127.0.0.1:$port/api/v1/$1" -d "$2" >/dev/null || { echo "failed: $1 $2"; exit 1; }; }
try() { curl -s -H "Authorization: Bearer default-admin-token-change-me" -H 'Content-Type: application/json' "http://127.0.0.1:$port/api/v1/$1" -d "$2" >/dev/null; }
ev() { post "jobs/$1/events" "$2"; }
write_config 0 0
start env LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 FAKETIME=-10d DONT_FAKE_MONOTONIC=1
post jobs '{"job_id":"render-42","message":"long ago","payload":{"pipeline":"render","stages":["load","encode"],"labels":{"team":"film","shot":"s01"}}}'
ev render-42 '{"type":"job_started","event_id":"start"}'
ev render-42 '{"type":"stage_started","stage":"load"}'
ev render-42 '{"type":"stage_progress","stage":"load","payload":{"current":3,"total":9,"unit":"frames"}}'
ev render-42 '{"type":"stage_failed","stage":"load","message":"disk"}'
ev render-42 '{"type":"stage_started","stage":"load","attempt":2}'
ev render-42 '{"type":"stage_completed","stage":"load","attempt":2}'
ev render-42 '{"type":"log","message":"öäü \"quoted\" \\ tab\t","level":"warning","payload":{"b":1.50,"a":[1,2,{"c":null}]}}'
ev render-42 '{"type":"stage_started","stage":"encode/left"}'
ev render-42 '{"type":"stage_completed","stage":"encode/left"}'
ev render-42 '{"type":"job_completed"}'
ev render-42 '{"type":"job_completed","message":"twice"}'
ev gone '{"type":"job_started"}'
ev gone '{"type":"job_failed","message":"bad"}'
ev old-active '{"type":"job_started"}'
ev old-active '{"type":"gate_pause","gate":"release","payload":{"prompt":"go?","options":["yes","no"],"approvers":["alice","admin"]}}'
ev old-active '{"type":"x-lunch","message":"custom"}'
stop
write_config 1 1
start env
ev old-active '{"type":"gate_approved","gate":"release","payload":{"choice":"yes"}}'
ev old-active '{"type":"job_canceled","message":"enough"}'
ev old-active '{"type":"job_resumed"}'
post jobs '{"job_id":"strict-1","payload":{"strict":true}}'
ev strict-1 '{"type":"job_started"}'
try jobs/strict-1/events '{"type":"stage_completed","stage":"never"}'
ev strict-1 '{"type":"gate_pause","gate":"g","payload":{"timeout_seconds":86400,"on_timeout":"reject"}}'
ev strict-1 '{"type":"gate_rejected","gate":"g","message":"no"}'
ev imported '[{"type":"job_started","occurred_at":"2026-11-01T10:00:00Z"},{"type":"stage_started","stage":"a","occurred_at":"2026-11-01T10:00:01Z"},{"type":"stage_completed","stage":"a","occurred_at":"2026-11-01T12:30:00Z"},{"type":"job_failed","occurred_at":"2026-11-01T13:00:00Z","message":"exit code 3"}]'
post events '[{"job_id":"p-1","type":"log","message":"one"},{"job_id":"p-2","type":"log","message":"two","event_id":"own-id"},{"job_id":"p-1","type":"stage_completed","stage":"never-begun"}]'
curl -sf -X DELETE -H "Authorization: Bearer default-admin-token-change-me" "http://127.0.0.1:$port/api/v1/jobs/gone" >/dev/null
curl -sf -X POST -H "Authorization: Bearer default-admin-token-change-me" "http://127.0.0.1:$port/api/v1/admin/retention"; echo
sleep 7
stop
start env
stop
