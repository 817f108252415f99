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
    """Rows padded on the right to one length, as tensors, with the places that count."""

    rows: tuple[Row, ...]
    ids: Any
    mask: Any
    row_of_place: Any
    places: Any

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
    """Pad rows and find the places that count."""
    import torch

    width = max(row.length for row in rows)
    ids = torch.zeros((len(rows), width), dtype=torch.long)
    mask = torch.zeros_like(ids)
    row_of_place: list[int] = []
    places: list[int] = []
    for number, row in enumerate(rows):
        ids[number, : row.length] = torch.tensor(row.tokens[: row.length])
        mask[number, : row.length] = 1
        own = [place for place, _ in row.labels] + [choice.place for choice in row.choices]
        row_of_place += [number] * len(own)
        places += own
    return Batch(
        tuple(rows),
        ids.to(device),
        mask.to(device),
        torch.tensor(row_of_place, device=device),
        torch.tensor(places, device=device),
    )


@contextmanager
def _only(model: Any, batch: Batch) -> Iterator[None]:
    """Within this block, the output layer sees the hidden states of the batch's places alone."""

    def chosen(module: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (given[0][batch.row_of_place, batch.places][None], *given[1:])

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
    losses = []
    start = 0
    for row in batch.rows:
        if row.labels:
            wanted = torch.tensor([token for _, token in row.labels], device=log_prob.device)
            own = log_prob[start : start + len(row.labels)]
            losses.append(-own.gather(1, wanted[:, None]).sum())
        for offset, choice in enumerate(row.choices, start=len(row.labels)):
            target = torch.tensor(choice.target, device=log_prob.device)
            scored = log_prob[start + offset, torch.tensor(choice.tokens, device=log_prob.device)]
            losses.append(-(target * scored).sum())
        start += len(row.labels) + len(row.choices)
    return torch.stack(losses).sum(), start
