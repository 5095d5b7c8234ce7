#!/bin/bash
# Trains codelsp-m on a GPU machine that is lent for minutes, has no network, and takes and gives
# back at most 64 MiB a visit. Everything slow is done beforehand, on any machine:
#
#   codelsp corpus build ... -o corpus                 (all languages; shards of some 10 MB)
#   codelsp tokenizer train corpus --vocabulary 16384 -o tokenizer-16k.json
#   pip download --only-binary :all: --no-deps -d wheels \
#       typer tree-sitter 'tree-sitter-language-pack>=0.13,<1' ...   (what the machine lacks)
#
# Then, on the GPU machine, from the repository's root, with CARRIED naming the folder that came
# along (wheels/, tokenizer-16k.json, corpus.json and as many shards as fit):
#
#   codelsp-m-gpu.sh take      once for each load: keeps what came along in WORK
#   codelsp-m-gpu.sh prepare   three passes over the text, other holes in each; about 5 minutes
#   codelsp-m-gpu.sh train     nine minutes; a second time goes on from the last checkpoint
#   codelsp-m-gpu.sh pack      the mean of the last six checkpoints, in pieces of 15 MiB, to OUT
#
# At home: codelsp train unpack PIECES -o models/codelsp-m
#
# SIZE=tiny, WORKERS=2, SECONDS_A_VISIT=20 and PASSES=1 make a dry run of it on a laptop.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-$here/work}
CARRIED=${CARRIED:-.gpu}
OUT=${OUT:-pieces}
SIZE=${SIZE:-M}
WORKERS=${WORKERS:-16}
PASSES=${PASSES:-3}
CONTEXT=${CONTEXT:-1024}
SECONDS_A_VISIT=${SECONDS_A_VISIT:-540}
PYTHON=${PYTHON:-python3}
export TOKENIZERS_PARALLELISM=false PYTHONUNBUFFERED=1

codelsp() { "$PYTHON" -m codelsp "$@"; }

recipe() { # the recipe beside the work folder, so that its paths are right wherever that is
  sed "s|\"work/|\"$WORK/|" "$here/codelsp-m.toml" >"$WORK/recipe.toml"
  if [[ "$PASSES" = 1 ]]; then # a dry run has one set of rows
    sed -i "s|rows-[23]|rows-1|" "$WORK/recipe.toml"
  fi
  if [[ "$SIZE" = tiny ]]; then # and steps that a laptop takes in seconds
    sed -i "s|^tokens = .*|tokens = 4_096|; s|^n_holes = .*|n_holes = 2|" "$WORK/recipe.toml"
    sed -i "s|^validation_rows = .*|validation_rows = 4|" "$WORK/recipe.toml"
  fi
}

case ${1:-} in
take)
  mkdir -p "$WORK/corpus"
  cp -f "$CARRIED"/*.jsonl.gz "$CARRIED"/corpus.json "$WORK/corpus/" 2>/dev/null || true
  cp -f "$CARRIED"/tokenizer-16k.json "$WORK/" 2>/dev/null || true
  if [[ -d "$CARRIED/wheels" ]]; then
    "$PYTHON" -m pip install --quiet --no-index --find-links "$CARRIED/wheels" "$CARRIED"/wheels/*.whl
    "$PYTHON" -m pip install --quiet --no-index --no-deps --no-build-isolation -e . || true
  fi
  ls -lh "$WORK" "$WORK/corpus"
  ;;
prepare)
  for pass in $(seq "$PASSES"); do
    codelsp train prepare "$WORK/corpus" --tokenizer "$WORK/tokenizer-16k.json" \
      --context "$CONTEXT" --seed "$pass" --workers "$WORKERS" -o "$WORK/rows-$pass"
  done
  ;;
train)
  recipe
  codelsp train --recipe "$WORK/recipe.toml" --size "$SIZE" \
    --max-seconds "$SECONDS_A_VISIT" -o "$WORK/run"
  ;;
pack)
  codelsp train average "$WORK/run" --last 6 -o "$WORK/mean"
  codelsp train pack "$WORK/mean" -o "$OUT"
  cp "$WORK/run/metrics.jsonl" "$OUT/"
  ls -lh "$OUT"
  ;;
*)
  sed -n '2,26p' "$0"
  exit 1
  ;;
esac
