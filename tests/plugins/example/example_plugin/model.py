"""A model that gives the same answer to everything."""

import numpy as np

from surveyeval.model.protocol import Answers, Capabilities, Fingerprint


class Parrot:
    """``parrot:NUMBER``: always the option of that number, from 1."""

    def __init__(self, reference, options=None):
        assert options is None
        self.number = int(reference)
        self.capabilities = Capabilities()

    def fingerprint(self):
        return Fingerprint("content", f"parrot {self.number}")

    def banners(self):
        return ["A parrot answered."]

    def fit(self, task, pilot):
        raise AssertionError("a parrot needs no pilot")

    def answer(self, interviews):
        n = len(interviews)
        return Answers({item.name: np.full(n, self.number - 1) for item in interviews.task.items})

    def log_prob(self, interviews, answers):
        return {}
