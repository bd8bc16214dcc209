#!/bin/sh
# The same list of transactions gives the same app hash at every height, whatever the machine, the compiler and what it does to
# the code (LEDGER 17.7): one program walks and records, every other build's program replays.
#
#   hashes.sh CAMPAIGN REPLAY BUILDS
#
# CAMPAIGN, REPLAY: ledger_campaign and ledger_replay; BUILDS: the folder of build folders, whose replay programs (clang, debug,
# aarch64 under qemu) are used where they are there.
set -eu
campaign=$1 replay=$2 builds=$3
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT
fail() { echo "FAILED: $*"; exit 1; }

"$campaign" walk --transactions 4000 --seed 5 --list "$work/list" --quick >"$work/walk"
tail -n 1 "$work/walk"
"$replay" "$work/list" >"$work/first" || { cat "$work/first"; fail "the program beside it"; }
want=$(sed -n 's/^heights //p' "$work/first")
[ ${#want} -gt 64 ] || fail "no hash over all heights"
echo "heights $want"

# same LABEL PROGRAM...
runs=0
same() {
  label=$1
  shift
  "$@" "$work/list" >"$work/out" 2>&1 || { cat "$work/out"; fail "$label"; }
  [ "$(sed -n 's/^heights //p' "$work/out")" = "$want" ] || fail "$label: another hash"
  runs=$((runs + 1))
  echo "  $label: same; $(sed -n 1p "$work/out")"
}
for build in release clang debug; do
  other=$builds/$build/tests/ledger/ledger_replay
  if [ -x "$other" ]; then same "$build build" "$other"; else echo "  $build build: not there"; fi
done
other=$builds/aarch64/tests/ledger/ledger_replay
if [ -x "$other" ] && command -v qemu-aarch64 >/dev/null; then
  same "aarch64 build under qemu" qemu-aarch64 "$other"
else
  echo "  aarch64 build under qemu: not there"
fi
[ $runs -ge 1 ] || fail "no program replayed the list"

# A list whose last app hash is another is found out, at the height where it is.
size=$(wc -c <"$work/list")
head -c $((size - 32)) "$work/list" >"$work/other"
head -c 32 "$work/list" >>"$work/other"
if "$replay" "$work/other" >"$work/out" 2>&1; then fail "a wrong app hash was taken"; fi
grep -q "^the list has at height ${want%% *} " "$work/out" || { cat "$work/out"; fail "the difference is at another height"; }
grep -q "^module 2 " "$work/out" || fail "no hash of the accounts"
echo "$runs replays, all with the app hashes of the walk"
