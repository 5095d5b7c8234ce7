#!/usr/bin/env bash
# The rows of `codelsp bench engine` that need a GPU, and the tests marked so, unattended:
#
#   .ci/gpu.sh OUT [--dry-run]
#
# writes OUT/gpu.json and OUT/tests.txt.  It needs a Python (PYTHON) with torch built for the GPU,
# transformers, tokenizers, safetensors, psutil, platformdirs and pytest; no network.
# --dry-run does the same with a tiny model on the CPU, to see beforehand that all of it runs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

out=${1:?where to write the figures}
dry=${2:-}
python=${PYTHON:-python3}
mkdir -p "$out"
export PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} HF_HUB_OFFLINE=1

"$python" - "$out/gpu.json" "$dry" <<'PYTHON'
import json
import pathlib
import sys

import torch

from codelsp.evaluation.figures import machine
from codelsp.torch_engine import bench

file, is_dry = pathlib.Path(sys.argv[1]), sys.argv[2] == "--dry-run"
if not is_dry and not torch.cuda.is_available():
    sys.exit("torch sees no CUDA GPU here; --dry-run shows whether the rest would run.")
device = "dry run on the CPU" if is_dry else torch.cuda.get_device_name()
vocabulary = bench.vocabulary_of(pathlib.Path("models/codelsp-s"))
figures = bench.gpu_figures(vocabulary, is_dry=is_dry)
described = {"machine": machine(), "device": device, "torch": torch.__version__, **figures}
file.write_text(json.dumps(described, indent=2) + "\n", "utf-8")
print(json.dumps(described, indent=2))
PYTHON

# The project's settings of pytest name plugins that need not be there.
"$python" -m pytest -q -p no:cacheprovider -c /dev/null --rootdir . \
  tests/torch_engine/test_cuda_graphs.py -rs 2>&1 |
  tee "$out/tests.txt"
