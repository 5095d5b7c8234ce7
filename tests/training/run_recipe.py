"""A program for tests to start and kill: trains ``RECIPE`` in ``FOLDER``."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from codelsp.training.loop import Run
from codelsp.training.recipe import read_recipe

if __name__ == "__main__":
    plan = read_recipe(Path(sys.argv[1]))
    if "--endless" in sys.argv:
        plan = replace(plan, schedule=replace(plan.schedule, total=1e12))
    Run(plan, Path(sys.argv[2])).train()
