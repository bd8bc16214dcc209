#!/bin/sh
# Same bits everywhere: trains two small networks and one of each family, bundles each run, and replays the bundle with every
# program, thread count and back end that this machine has.
#
#   bits.sh ASSAY REPLAY DIGITS MODELS BUILDS PART
#
# ASSAY, REPLAY, DIGITS: programs; MODELS: the folder with mlp_small.onnx, lenet_small.onnx and families/; BUILDS: the folder of build
# folders, whose other replay programs (clang, debug, aarch64 under qemu) are used where they are there. PART: `digits`, the two
# networks, or K/N, every Nth family from the Kth on.
set -eu
assay=$1 replay=$2 digits=$3 models=$4 builds=$5 part=$6
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

fail() { echo "FAILED: $*"; exit 1; }

# digits_job NAME MODEL UPDATES
digits_job() {
  cat >"$work/$1.yaml" <<END
assay: 1
model: $models/$2
init: seed
data:
  train: {format: idx, inputs: train/x, targets: train/y, scale: 1/255}
  test: {format: idx, inputs: test/x, targets: test/y, scale: 1/255}
loss: cross_entropy
optimizer: {name: adamw, lr: 3e-3}
schedule: {name: cosine, warmup: 20, end: 0.1}
clip_norm: 1.0
batch: 50
updates: $3
seed: 42
interval: 50
END
}

# family_job NAME UPDATES: the fixed batch of families/NAME.json
family_job() {
  at=$models/families/$1
  cat >"$work/$1.yaml" <<END
assay: 1
model: $at.onnx
data: {train: {format: npy, inputs: $at.x.npy, targets: $at.y.npy}}
loss: $(sed -n 's/^{"loss": "\([a-z0-9_]*\)".*/\1/p' "$at.json")
optimizer: {name: adamw, lr: 2e-3}
batch: $(sed -n 's/^{[^{]*"batch": \([0-9]*\).*/\1/p' "$at.json")
updates: $2
seed: 42
interval: 50
END
}

# train NAME UPDATES
train() {
  "$assay" train "$work/$1.yaml" -o "$work/$1" --quiet >"$work/$1.out"
  "$assay" export "$work/$1" --bundle "$work/$1.bundle" >/dev/null
  root=$(sed -n 's/.*"final_root": "\([0-9a-f]*\)".*/\1/p' "$work/$1/metrics.jsonl")
  [ ${#root} -eq 64 ] || fail "$1 has no final root"
  echo "$1, $2 updates: $root"
}

# same LABEL PROGRAM... -- OPTION...   replays $bundle; exit status 77 means that this machine lacks the back end
runs=0
same() {
  label=$1 status=0
  shift
  "$@" >"$work/replay.out" 2>&1 || status=$?
  if [ $status -eq 77 ]; then
    echo "  $label: this machine lacks it"
    return 0
  fi
  [ $status -eq 0 ] || { cat "$work/replay.out"; fail "$label: exit status $status"; }
  got=$(sed -n 's/^final //p' "$work/replay.out")
  [ "$got" = "$root" ] || fail "$label: $got"
  runs=$((runs + 1))
  echo "  $label: same"
}

check() {
  bundle=$work/$1.bundle
  for threads in 1 2 3; do same "$threads threads" "$replay" "$bundle" --threads $threads; done
  for backend in scalar avx2 avx512 neon; do same "back end $backend" "$replay" "$bundle" --backend $backend; done
  for build in release clang debug; do
    other=$builds/$build/tests/bits/replay
    if [ -x "$other" ]; then same "$build build" "$other" "$bundle"; else echo "  $build build: not there"; fi
  done
  other=$builds/aarch64/tests/bits/replay
  if [ -x "$other" ] && command -v qemu-aarch64 >/dev/null; then
    same "aarch64 build under qemu" qemu-aarch64 "$other" "$bundle"
  else
    echo "  aarch64 build under qemu: not there"
  fi
}

trained=0
if [ "$part" = digits ]; then
  mkdir "$work/train" "$work/test"
  "$digits" "$work/train" 1000 28 28 10 train
  "$digits" "$work/test" 300 28 28 10 test
  digits_job digits-mlp mlp_small.onnx 250
  train digits-mlp 250
  check digits-mlp
  digits_job lenet lenet_small.onnx 200
  train lenet 200
  check lenet
  trained=2
else
  turn=0
  for file in "$models"/families/*.json; do
    turn=$((turn + 1))
    [ $((turn % ${part#*/})) -eq $((${part%/*} % ${part#*/})) ] || continue
    name=$(basename "$file" .json)
    family_job "$name" 200
    train "$name" 200
    check "$name"
    trained=$((trained + 1))
  done
  [ $trained -ge 4 ] || fail "only $trained families"
fi
[ $runs -ge $((4 * trained)) ] || fail "only $runs replays; three thread counts and the scalar back end are everywhere"
echo "$runs replays, all with the final root of their run"
