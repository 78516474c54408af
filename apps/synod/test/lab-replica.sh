#!/bin/sh
# One replica of the fault lab: lab-replica.sh IP DIRECTORY FOUNDERS. SYNOD_LAB_FORMAT, set at the first start of an id alone, is what an
# operator does by hand: `synod init`. The process that the lab stops and kills is the daemon itself.
set -e
ip=$1 store=$2/store founders=$3
if [ -n "$SYNOD_LAB_FORMAT" ]; then
  "$SYNOD_LAB_NODE" "$SYNOD_LAB_MAIN" init --cluster lab --id "$SYNOD_LAB_FORMAT" --data-dir "$store" --members "$founders"
fi
exec "$SYNOD_LAB_NODE" "$SYNOD_LAB_MAIN" start --data-dir "$store" --address "$ip:7100" --client-listen "$ip:7101" \
  --http-listen "$ip:7102" --log-format json $SYNOD_LAB_FLAGS
