#!/usr/bin/env bash
# A pod on one machine: P processes with D CPU devices each train together
# over loopback, with the real command. All that is sent to a process of a
# pod can be sent to one of these; SIGTERM and Ctrl-C to this script reach all.
#   bash scripts/pod.sh P D --configs crafter pondernet debug --logdir DIR
# PYTHON names the interpreter of another environment than .venv.
usage="usage: bash scripts/pod.sh PROCESSES DEVICES [arguments of ponderdream.train]"
case "${1:-}${2:-}" in *[!0-9]* | '') echo "$usage" >&2; exit 2 ;; esac
[ $# -ge 2 ] && [ "$1" -ge 1 ] && [ "$2" -ge 1 ] || { echo "$usage" >&2; exit 2; }
processes=$1 devices=$2
shift 2
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
python=${PYTHON:-$root/.venv/bin/python}
if [ ! -x "$python" ]; then
  echo "There is no $python; run scripts/train.sh once, or set PYTHON." >&2
  exit 2
fi
port=$("$python" -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
export JAX_PLATFORMS=cpu PYTHONUNBUFFERED=1
export XLA_FLAGS="${XLA_FLAGS:-} --xla_force_host_platform_device_count=$devices"
pids=()
trap 'kill -TERM "${pids[@]}" 2>/dev/null' TERM INT
for ((i = 0; i < processes; i++)); do
  "$python" -m ponderdream.train "$@" --jax.distributed "127.0.0.1:$port" \
    --jax.num_processes "$processes" --jax.process_id "$i" \
    > >(trap '' TERM INT; exec sed -u "s/^/[$i] /") 2>&1 &
  pids+=($!)
  echo "host $i is process $!"
done
# A signal interrupts wait; the processes are waited for all the same.
code=0
for pid in "${pids[@]}"; do
  while kill -0 "$pid" 2>/dev/null; do wait "$pid"; done
  wait "$pid" || code=$?
done
exit "$code"
