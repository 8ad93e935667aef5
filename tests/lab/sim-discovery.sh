#!/usr/bin/env bash
# discovery in virtual time, from a seed: networks of thousands of nodes, churn, adversaries (sim list shows what there is)
#
#   one process, one thread: nodes as state machines <-> datagrams that wait for their time
#
# ./lab sim-discovery [--json] [--record] [--long] [--seed N] [--nodes N] [NAME...]

set -euo pipefail
. "$root/tests/lab/lib/sim.sh"
simulate sim-discovery discovery "$@"
