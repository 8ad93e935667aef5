#!/usr/bin/env bash
# routing in virtual time, from a seed: latency and load of paths, guards against an adversary, droppers, liars (sim list shows what there is)
#
#   one process, one thread: a world of relays and clients <-> path selection, guards, reputation and coordinates as they are in the product
#
# ./lab sim-routing [--json] [--record] [--long] [--seed N] [--nodes N] [NAME...]

set -euo pipefail
. "$root/tests/lab/lib/sim.sh"
simulate sim-routing routing "$@"
