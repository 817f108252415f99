"""Make the synthetic reference of the task `disclosure`.

    python tasks/disclosure/generate.py [--seed 2474] [--output answers.csv]

Nobody answered this. Every coefficient below is an assumption. Two figures of a published study were targets (340
unique belief structures among 929 people, a belief-action gap of 24.7%), and the seed was picked for them: out of 4,000
seeds, nine give exactly 340 and 229 of 929, and 2474 is the one of these nine whose regression coefficients are the
least remarkable. The microdata of that study are not public, and these rows are no replication of it.

Only uniform numbers and inverse transforms are used, since other distributions may change between versions of NumPy.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

PEOPLE = 929
SEED = 2474

ETHNICITY = {"White": 0.66, "Black": 0.12, "Asian": 0.09, "Mixed": 0.08, "Other": 0.05}
GENDER = {"Woman": 0.49, "Man": 0.49, "Non-binary": 0.02}
EDUCATION = {"High school or less": 0.18, "Some college": 0.30, "Bachelor's degree": 0.36, "Graduate degree": 0.16}
AGE_QUANTILES = {0: 18, 0.10: 22, 0.25: 29, 0.50: 37, 0.75: 50, 0.90: 62, 1: 82}

LOCATIONS = ("a", "b", "both", "neither")
PRIORITIES = ("a", "same", "b")
ACTIONS = ("a", "b", "none")
#: The five answers to "how likely would you be caught?"
CHANCES = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
#: Attacker's gain at A and B under equal and unequal valuation; being caught costs LOSS, not attacking pays 0.
GAINS = np.array([[120.0, 120.0], [180.0, 60.0]])
LOSS = 100.0

#: Ethnicity has no effect on anything, by design; age and gender carry the demographic effects.
BELIEVED = {"verified": 0.80, "congruent": 0.35, "incongruent": -0.60, "age10": 0.15}
BELIEVED_CUTS = (-2.3, -1.0, 0.7, 2.4)
#: Where the measures are, relative to the message: constant and slope on (believed - 3); "other" is the base.
PLACE = {"announced": (1.0, 0.80), "both": (-0.4, 0.30), "neither": (-1.0, -0.40)}
PLACE_CONGRUENT, PLACE_INCONGRUENT = 0.40, -0.50
DETECT = {
    "here": 2.4,
    "both": 1.4,
    "neither": -1.4,
    "elsewhere": -0.3,
    "trust_announced": 0.40,
    "age10": 0.10,
    "man": -0.25,
}
DETECT_CUTS = (-3.4, -1.3, 1.0, 3.2)
#: Logits of "cares more about A", "the same", "more about B" under equal and unequal valuation.
PRIORITY = np.array([[-2.4, 0.0, -2.6], [2.4, 0.0, -1.5]])
ACTION = {"rationality": 4.7, "attack": 0.15, "age10": -0.15, "man": 0.30}


def categorical(u: FloatArray, shares: dict[str, float]) -> IntArray:
    """Index of the category that each uniform number falls into."""
    return np.searchsorted(np.cumsum(list(shares.values()))[:-1], u, side="right")


def ordered_logit(u: FloatArray, eta: FloatArray, cuts: tuple[float, ...]) -> IntArray:
    """Answers 1 to len(cuts) + 1 of an ordered logit."""
    latent = eta + np.log(u / (1 - u))
    return np.asarray(1 + (latent[:, None] > np.asarray(cuts)).sum(axis=1))


def multinomial_logit(u: FloatArray, utility: FloatArray) -> IntArray:
    """Index of the best option after adding Gumbel noise."""
    return np.asarray((utility - np.log(-np.log(u))).argmax(axis=1))


def generate(seed: int = SEED, n: int = PEOPLE) -> dict[str, NDArray[Any]]:
    """Columns of `n` synthetic respondents; the order of draws is part of the definition."""
    rng = np.random.default_rng(seed)
    age = np.round(np.interp(rng.random(n), list(AGE_QUANTILES), list(AGE_QUANTILES.values()))).astype(int)
    gender = categorical(rng.random(n), GENDER)
    ethnicity = categorical(rng.random(n), ETHNICITY)
    education = categorical(rng.random(n), EDUCATION)
    age10, man = (age - 40) / 10, (gender == 1).astype(float)

    arm = np.argsort(rng.random(n)).argsort() % 8  # complete randomisation: 117 or 116 in each arm
    message_a, unequal, verified = arm // 4 % 2, arm // 2 % 2, arm % 2
    congruent, incongruent = unequal * message_a, unequal * (1 - message_a)

    eta = BELIEVED["verified"] * verified + BELIEVED["congruent"] * congruent
    eta = eta + BELIEVED["incongruent"] * incongruent + BELIEVED["age10"] * age10
    believed = ordered_logit(rng.random(n), eta, BELIEVED_CUTS)
    trust = believed - 3.0

    utility = np.zeros((n, 4))  # announced target, other target, both, neither
    for column, key in ((0, "announced"), (2, "both"), (3, "neither")):
        utility[:, column] = PLACE[key][0] + PLACE[key][1] * trust
    utility[:, 0] += PLACE_CONGRUENT * congruent + PLACE_INCONGRUENT * incongruent
    place = multinomial_logit(rng.random((n, 4)), utility)
    at_a = ((place == 0) & (message_a == 1)) | ((place == 1) & (message_a == 0))
    at_b = ((place == 0) & (message_a == 0)) | ((place == 1) & (message_a == 1))

    def detect(here: NDArray[np.bool_], announced: IntArray) -> IntArray:
        elsewhere = ~here & (place < 2)
        eta = DETECT["here"] * here + DETECT["elsewhere"] * elsewhere
        eta = eta + DETECT["both"] * (place == 2) + DETECT["neither"] * (place == 3)
        eta = eta + DETECT["trust_announced"] * trust * announced + DETECT["age10"] * age10 + DETECT["man"] * man
        return ordered_logit(rng.random(n), eta, DETECT_CUTS)

    detect_a = detect(at_a, message_a)
    detect_b = detect(at_b, 1 - message_a)
    priority = multinomial_logit(rng.random((n, 3)), PRIORITY[unequal])

    caught = CHANCES[np.stack([detect_a, detect_b], axis=1) - 1]
    points = np.column_stack([(1 - caught) * GAINS[unequal] - caught * LOSS, np.zeros(n)])
    utility = ACTION["rationality"] * points / 100
    utility[:, :2] += (ACTION["attack"] + ACTION["age10"] * age10 + ACTION["man"] * man)[:, None]
    action = multinomial_logit(rng.random((n, 3)), utility)

    location = np.where(at_a, 0, np.where(at_b, 1, place))
    return {
        "respondent": np.array([f"s{number:04d}" for number in range(1, n + 1)]),
        "arm": np.array(
            [
                f"{'ba'[a]}-{('equal', 'unequal')[v]}-{('unverified', 'verified')[s]}"
                for a, v, s in zip(message_a, unequal, verified, strict=True)
            ]
        ),
        "age": age,
        "gender": np.array(list(GENDER))[gender],
        "ethnicity": np.array(list(ETHNICITY))[ethnicity],
        "education": np.array(list(EDUCATION))[education],
        "believed": believed,
        "location": np.array(LOCATIONS)[location],
        "detect_a": detect_a,
        "detect_b": detect_b,
        "priority": np.array(PRIORITIES)[priority],
        "action": np.array(ACTIONS)[action],
    }


def to_csv(columns: dict[str, NDArray[Any]]) -> bytes:
    """The rows as CSV, line feeds only."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*columns.values(), strict=True))
    return stream.getvalue().encode()


def main() -> None:
    """Write the file and print its checksum."""
    parser = argparse.ArgumentParser(description="Make the synthetic reference of the task disclosure.")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--output", type=Path, default=Path(__file__).with_name("answers.csv"))
    arguments = parser.parse_args()
    content = to_csv(generate(arguments.seed))
    arguments.output.write_bytes(content)
    print(f"{arguments.output.name}: sha256 {hashlib.sha256(content).hexdigest()}")


if __name__ == "__main__":
    main()
