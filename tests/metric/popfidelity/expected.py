"""Values that the tests of distances and scores are compared with, by popfidelity 0.1.2.

    pip install popfidelity==0.1.2
    python expected.py     reads ../r/answers.csv, writes expected.csv (beside this file)

popfidelity is no dependency: this is run by hand, in an environment of its own. Shares are those of the respondents of
one arm; the values of `risk` are 0, 1 and 4.
"""

import csv
from pathlib import Path

import numpy as np
from popfidelity import alignment, metrics

HERE = Path(__file__).parent
CODES = {"trust": "12345", "place": "xyz", "risk": "123", "act": ("no", "yes")}
POSITIONS = {"trust": [1, 2, 3, 4, 5], "risk": [0, 1, 4]}


def shares(rows, column, codes):
    counts = np.array([sum(row[column] == code for row in rows) for code in codes], dtype=float)
    return (counts / counts.sum())[None, :]


def main():
    with (HERE.parent / "r" / "answers.csv").open() as lines:
        everybody = list(csv.DictReader(lines))
    found = {}
    for arm in ("a", "b"):
        rows = [row for row in everybody if row["arm"] == arm]
        pairs = {
            name: [shares(rows, f"{side}_{name}", codes) for side in ("human", "simulated")]
            for name, codes in CODES.items()
        }
        for name, (human, model) in pairs.items():
            found[f"total_variation {arm} {name}"] = metrics.distance(human, model, "total_variation")[0]
            found[f"js_distance {arm} {name}"] = metrics.distance(human, model, "js_distance", base=2.0)[0]
            if name in POSITIONS:
                spots = POSITIONS[name]
                found[f"wasserstein {arm} {name}"] = metrics.distance(
                    human, model, "normalised_wasserstein", positions=spots
                )[0]
                found[f"representativeness {arm} {name}"] = alignment.opinionqa_alignment(human, model, spots)[0]
                found[f"sd_ratio {arm} {name}"] = metrics.distance(human, model, "sd_ratio", positions=spots)[0]
        ordered = [(human, model, POSITIONS[name]) for name, (human, model) in pairs.items() if name in POSITIONS]
        found[f"representativeness {arm}"] = alignment.opinionqa_representativeness(ordered)
        # one score of items with different numbers of options: distances to people first, then the ratio of their means
        model_tv = np.mean([metrics.distance(h, s, "total_variation")[0] for h, s in pairs.values()])
        uniform_tv = np.mean(
            [metrics.distance(h, np.full_like(h, 1 / h.shape[1]), "total_variation")[0] for h, _ in pairs.values()]
        )
        found[f"simbench_score {arm}"] = 100 * (1 - model_tv / uniform_tv)
        for name, (human, model) in pairs.items():
            found[f"simbench_score {arm} {name}"] = alignment.simbench_score(human, model)
    with (HERE / "expected.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["name", "value"])
        writer.writerows((name, repr(float(value))) for name, value in found.items())


if __name__ == "__main__":
    main()
