"""What is minimised: a loss over the few places of a batch where something is learned.

Logits are computed at those places only. The output layer is by far the widest of a small model, and most tokens of an
interview are questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from surveyeval.tuning.sequences import Row

__all__ = ["Batch", "batch_loss", "collate", "make_batches"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows padded on the right to one length, as tensors, and the terms of their loss.

    Parameters
    ----------
    ids, mask : (rows, width) int tensors
    row_of_place, place : (places,) int tensors
        Where logits are read.
    at, token : (terms,) int tensors
        Number of the place, and the token whose log-probability there counts.
    weight : (terms,) float tensor
        How much it counts: 1 for a label, the target probability for an option.
    """

    ids: Any
    mask: Any
    row_of_place: Any
    place: Any
    at: Any
    token: Any
    weight: Any

    @property
    def read(self) -> int:
        """Tokens read, padding included."""
        return int(self.ids.numel())


def make_batches(rows: Sequence[Row], order: Sequence[int], budget: int) -> list[list[int]]:
    """Batches of rows of similar length whose padded size keeps to a budget of tokens.

    Rows are taken in the given (random) order in stretches of eight batches' worth, each stretch sorted by length: padding
    stays small and the order stays random.

    Parameters
    ----------
    rows : sequence of Row
    order : sequence of int
        Numbers of rows.
    budget : int
        Tokens; a longer row is a batch of its own.
    """
    mean = sum(rows[i].length for i in order) / max(len(order), 1)
    stretch = max(1, int(8 * budget / max(mean, 1)))
    batches: list[list[int]] = []
    for start in range(0, len(order), stretch):
        current: list[int] = []
        for i in sorted(order[start : start + stretch], key=lambda i: rows[i].length):
            if current and (len(current) + 1) * rows[i].length > budget:
                batches.append(current)
                current = []
            current.append(i)
        batches.append(current)
    return batches


def collate(rows: Sequence[Row], device: Any) -> Batch:
    """Pad rows and find the places and tokens that count."""
    import torch

    width = max(row.length for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    places: list[tuple[int, int]] = []
    terms: list[tuple[int, int, float]] = []
    for number, row in enumerate(rows):
        ids[number, : row.length] = torch.tensor(row.tokens[: row.length])
        mask[number, : row.length] = 1
        for place, token in row.labels:
            terms.append((len(places), token, 1.0))
            places.append((number, place))
        for choice in row.choices:
            terms += [(len(places), token, p) for token, p in zip(choice.tokens, choice.target, strict=True)]
            places.append((number, choice.place))
    row_of_place, place = torch.tensor(places).T
    at, token = torch.tensor([term[:2] for term in terms]).T
    weight = torch.tensor([term[2] for term in terms])
    tensors = (ids, mask, row_of_place, place, at, token, weight)
    return Batch(*(tensor.to(device) for tensor in tensors))


@contextmanager
def _only(model: Any, batch: Batch) -> Iterator[None]:
    """Within this block, the output layer sees the hidden states of the batch's places alone."""

    def chosen(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (given[0][batch.row_of_place, batch.place][None], *given[1:])

    # A hook, so that whatever the architecture does to its logits (capping, scaling) is still done.
    handle = model.get_output_embeddings().register_forward_pre_hook(chosen)
    try:
        yield
    finally:
        handle.remove()


def batch_loss(model: Any, batch: Batch) -> tuple[Any, int]:
    """Sum of losses over the places of a batch, in nats, and their number.

    For labels, the cross-entropy of the next token over the whole vocabulary. For choices, the cross-entropy of the
    target distribution against the probabilities of the options (as disjoint events, not renormalised, so that mass on
    the options is learned too): the forward Kullback-Leibler divergence plus the target's entropy.

    Parameters
    ----------
    model : transformers model
        Causal, with or without adapters.
    batch : Batch

    Returns
    -------
    loss : scalar tensor
    count : int
    """
    import torch

    with _only(model, batch):
        logits = model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False).logits[0]
    log_prob = torch.log_softmax(logits.float(), dim=-1)
    return -(batch.weight * log_prob[batch.at, batch.token]).sum(), len(batch.place)
