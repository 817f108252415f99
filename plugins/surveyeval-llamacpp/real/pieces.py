"""How much the numbers of a model depend on how many tokens are read at once: `python real/pieces.py [FILE.gguf]`."""

import sys

import llama_cpp
import numpy as np
from surveyeval.model.protocol import Request
from surveyeval.task.interview import Message

from surveyeval_llamacpp.model import LlamaCppModel
from surveyeval_llamacpp.options import LlamaCppOptions

SAID = (
    Message("system", "You take part in a survey."),
    Message("user", "Do you trust people? Agree or disagree."),
    Message("assistant", "Agree"),
    Message("user", "And your neighbours?"),
)


def main() -> None:
    """Print log-probabilities of the first tokens of two options after one prompt, read in two ways."""
    model = LlamaCppModel(sys.argv[1] if len(sys.argv) > 1 else "smollm2", LlamaCppOptions(context=1024, threads=1))
    model.load()
    prompt, options = model.prompts.tokens(Request("one", SAID, ("Agree", "Disagree")))
    plain = llama_cpp.Llama(str(model.path), n_ctx=1024, n_threads=1, n_threads_batch=1, logits_all=True, verbose=False)
    for words, pieces in (("at once", [list(prompt)]), ("token by token", [[token] for token in prompt])):
        plain.reset()
        for piece in pieces:
            plain.eval(piece)
        row = plain.scores[len(prompt) - 1].astype(float)
        row -= row.max() + np.log(np.exp(row - row.max()).sum())
        print(f"{words:16}", *(f"{row[option[0]]:8.3f}" for option in options))


if __name__ == "__main__":
    main()
