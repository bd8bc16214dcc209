#!/bin/sh
# Makes the transcripts of small worlds, world-*.transcript, and the verdict of every transcript that has none yet.
#
#   make.sh BUILD    where transcript_corpus and assay_verify_tool were built; run in this folder
#
# lenet-*.transcript and mlp-*.transcript are real runs, one for each kind of sabotage: tests/disputes/disputes.py ASSAY --transcripts
# makes them. A new verdict is read by a person before it is committed.
set -eu
build=${1:?usage: make.sh BUILD}
here=$(cd "$(dirname "$0")" && pwd)
cd "$here"
made=$(mktemp -d)
trap 'rm -r "$made"' EXIT
"$build/src/dispute/transcript_corpus" "$made" >/dev/null
for file in "$made"/*; do cp "$file" "world-$(basename "$file").transcript"; done
for file in *.transcript; do
  verdict=${file%.transcript}.verdict
  [ -e "$verdict" ] || "$build/src/dispute/judge/assay_verify_tool" "$file" >"$verdict" || [ -s "$verdict" ]
done
