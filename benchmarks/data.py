"""What is measured about data: prices to a panel, the census, calendars, windows, a panel larger than memory.

    python benchmarks/data.py [SECTION ...]

Sections: panel, calendars, windows, mapped_pass; all without a name. Each runs in a process of its own with one thread
and prints one JSON object a line. Where prices are needed they come from the folder that QUANTDL_DATABANK names, and a
figure without them says so. GluonTS is installed in an environment of its own, .venv-peers, when it is first needed.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

SECTIONS = ("panel", "calendars", "windows", "mapped_pass")
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def main() -> int:
    asked = sys.argv[1:] or SECTIONS
    if unknown := [name for name in asked if name not in SECTIONS]:
        print(f"no section {', '.join(unknown)}; there are {', '.join(SECTIONS)}", file=sys.stderr)
        return 2
    failed = 0
    for name in asked:
        print(json.dumps({"section": name}), flush=True)
        script = Path(__file__).parent / "sections" / f"{name}.py"
        failed |= subprocess.run([sys.executable, script], env=os.environ | ONE_THREAD).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main())
