"""All benchmarks against peers, as one table: what `make bench` runs.

    python benchmarks/bench.py [--quick | --full] [--dtype float32] [--threads 2] [--output FILE]

Each script runs by itself, one after the other, with nothing else on the machine if you want its figures to mean something.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from common import LEGEND, Section, cores, machine, table, wrapped

VLLM = ".venv-vllm/bin/python"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="about 40 minutes on two cores (default)")
    size.add_argument("--full", action="store_true", help="more respondents and repeats: some hours on two cores")
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--respondents", type=int, default=32)
    parser.add_argument("--vllm", default=VLLM, help="interpreter of an environment with vLLM and lm-eval")
    parser.add_argument("--output", help="also write the table to this file")
    options = parser.parse_args()
    size_words = ["--full"] if options.full else ["--quick"]
    model_words = ["--dtype", options.dtype, "--threads", str(options.threads)]
    model_words += ["--respondents", str(options.respondents)]
    head = machine()
    sections = script(sys.executable, "orchestration.py", size_words)
    sections = script(sys.executable, "scoring.py", size_words + model_words) + sections
    if Path(options.vllm).exists():
        sections += script(options.vllm, "vllm_scoring.py", size_words + model_words)
    else:
        sections.append(
            Section(f"Through vLLM: not measured, there is no {options.vllm} (make test-vllm makes one)", ())
        )
    said = "\n".join([head, "", table(sections), "", *wrapped(LEGEND)])
    print(said)
    if options.output:
        Path(options.output).write_text(said + "\n")


def script(python: str, name: str, words: list[str]) -> list[Section]:
    """Rows of one script; what it tells on the way goes to the error stream."""
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.json"
        subprocess.run([python, str(Path(__file__).parent / name), *words, "--json", str(rows)], check=True)
        return Section.read(rows)


if __name__ == "__main__":
    main()
