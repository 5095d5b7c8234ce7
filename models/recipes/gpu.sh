#!/bin/bash
# Trains codelsp-s and codelsp-m on a GPU machine that is lent for a quarter of an hour, has no
# network, and takes and gives back at most 64 MiB a visit. At home, beforehand:
#
#   codelsp corpus build ... -o corpus                 (all languages)
#   codelsp tokenizer train corpus --vocabulary 16384 -o tokenizer-m.json
#   codelsp train pack ... -o start-s                  the model that S starts from
#   gpu.sh load corpus tokenizer-s.json tokenizer-m.json start-s site.tar.xz .gpu
#                                                      what travels; site.tar.xz has the Python
#                                                      packages that the machine lacks, pyppmd too
#
# Then, on the GPU machine, from the repository's root, MODEL being s, m, or m-more, which goes on
# from the codelsp-m that ships:
#
#   gpu.sh take      unpacks what came along into WORK
#   gpu.sh prepare   rows of MODEL: passes over the text side by side, other holes in each
#   gpu.sh train     SECONDS_A_VISIT at most; a second time goes on from the last checkpoint
#   gpu.sh pack      the newest checkpoint, in pieces of 15 MiB, to OUT
#
# At home: codelsp train unpack PIECES -o models/codelsp-m
#
# SIZE=tiny, WORKERS=2, SECONDS_A_VISIT=20 and PASSES=1 make a dry run of it on a laptop.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
WORK=${WORK:-$here/work}
CARRIED=${CARRIED:-.gpu}
OUT=${OUT:-pieces}
MODEL=${MODEL:-m}
SIZE=${SIZE:-}
WORKERS=${WORKERS:-5}
CONTEXT=${CONTEXT:-1024}
SECONDS_A_VISIT=${SECONDS_A_VISIT:-540}
PYTHON=${PYTHON:-python3}
languages= rules= first_seed=1
case $MODEL in
s) PASSES=${PASSES:-2} languages=python ;;
m) PASSES=${PASSES:-3} ;;
m-more) PASSES=${PASSES:-2} rules=$here/codelsp-m-more-rules.json first_seed=11 ;;
*) echo "MODEL is $MODEL; it is s, m or m-more" >&2 && exit 2 ;;
esac
recipe=$WORK/recipe-$MODEL.toml run=$WORK/run-$MODEL tokenizer=$WORK/tokenizer-${MODEL%-more}.json
export TOKENIZERS_PARALLELISM=false PYTHONUNBUFFERED=1
export PYTHONPATH=$WORK/site${PYTHONPATH:+:$PYTHONPATH}

codelsp() { "$PYTHON" -m codelsp "$@"; }

write_recipe() { # beside the work folder, so that its paths are right wherever that is
  sed "s|\"work/|\"$WORK/|" "$here/codelsp-$MODEL-gpu.toml" >"$recipe"
  if [[ "$PASSES" = 1 ]]; then # a dry run has one set of rows
    sed -i "s|rows-$MODEL-[23]|rows-$MODEL-1|" "$recipe"
  fi
  if [[ -n "${TOTAL_SECONDS:-}" ]]; then # of the schedule, more than half of it decay
    sed -i "s|^total = .*|total = $TOTAL_SECONDS|; s|^decay = .*|decay = $((TOTAL_SECONDS * 6 / 10))|" \
      "$recipe"
  fi
  if [[ "$SIZE" = tiny ]]; then # and steps that a laptop takes in seconds
    sed -i "s|^tokens = .*|tokens = 4_096|; s|^micro_rows = .*|micro_rows = 16|" "$recipe"
    sed -i "s|^validation_rows = .*|validation_rows = 4|; /^start_from/d" "$recipe"
  fi
}

case ${1:-} in
load)
  corpus=$2 carried=${*: -1}
  "$PYTHON" "$here/travel.py" pack "$corpus" "$carried"
  cp -r "${@:3:$#-3}" "$carried/"
  du -ah "$carried"
  ;;
take)
  mkdir -p "$WORK/site"
  if [[ -f "$CARRIED/site.tar.xz" ]]; then
    "$PYTHON" -m tarfile -e "$CARRIED/site.tar.xz" "$WORK/site"
  fi
  "$PYTHON" "$here/travel.py" unpack "$CARRIED" "$WORK/corpus"
  cp "$CARRIED"/tokenizer-*.json "$WORK/"
  if [[ -d "$CARRIED/start-s" ]]; then
    codelsp train unpack "$CARRIED/start-s" -o "$WORK/start-s"
  fi
  ls -lh "$WORK" "$WORK/corpus"
  ;;
prepare)
  for pass in $(seq "$PASSES"); do
    codelsp train prepare "$WORK/corpus" --tokenizer "$tokenizer" --languages "$languages" \
      ${rules:+--rules "$rules"} --context "$CONTEXT" --workers "$WORKERS" \
      --seed "$((first_seed + pass - 1))" -o "$WORK/rows-$MODEL-$pass" &
  done
  for job in $(jobs -p); do wait "$job"; done
  ;;
train)
  write_recipe
  codelsp train --recipe "$recipe" ${SIZE:+--size "$SIZE"} \
    --max-seconds "$SECONDS_A_VISIT" -o "$run"
  ;;
pack)
  newest=$(ls -d "$run"/step-* | tail -1)
  codelsp train pack "$newest" -o "$OUT"
  cp "$run/metrics.jsonl" "$OUT/"
  ls -lh "$OUT"
  ;;
*)
  sed -n '2,24p' "$0"
  exit 1
  ;;
esac
