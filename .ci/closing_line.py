"""Sum up the closing lines of several pytest runs in one of the same kind."""

import re
import sys
from collections import Counter
from pathlib import Path

counts: Counter[str] = Counter()
for number, outcome in re.findall(
    r"(\d+) (passed|failed|skipped|xfailed|xpassed|errors?)", Path(sys.argv[1]).read_text()
):
    counts[outcome] += int(number)
summed = ", ".join(f"{number} {outcome}" for outcome, number in counts.items())
sys.stdout.write(f"===== {summed} in {int(sys.argv[2]):.2f}s =====\n")
