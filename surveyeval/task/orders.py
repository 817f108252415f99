"""In which order a respondent sees items, and the options of an item.

An order depends on the respondent's identifier alone, so it is the same for every model, draw and interruption. Pinned
options (other, none, don't know) stay at the end.
"""

from __future__ import annotations

from surveyeval.data.seeds import generator
from surveyeval.task.task import Item, Task

__all__ = ["item_order", "option_order"]


def item_order(task: Task, respondent: str) -> tuple[Item, ...]:
    """The asked items as this respondent sees them: declared order, with each block of ``interview.shuffled`` permuted."""
    items = list(task.items)
    for number, block in enumerate(task.spec.interview.shuffled):
        places = [place for place, item in enumerate(items) if item.name in block]
        moved = generator(0, "item order", str(number), respondent).permutation(len(places))
        inside = [items[places[other]] for other in moved]
        for place, item in zip(places, inside, strict=True):
            items[place] = item
    return tuple(items)


def option_order(task: Task, item: Item, respondent: str) -> tuple[int, ...]:
    """Indices of an item's options in the order shown.

    Parameters
    ----------
    task : Task
    item : Item
    respondent : str

    Returns
    -------
    tuple of int
        With ``order: random`` (of the item, else of the interview), options without an order are permuted; ordinal and
        numeric ones are shown forwards or backwards, with probability 1/2 and alike in all items of a respondent, since
        nobody shows a scale out of order.
    """
    order = item.spec.order or task.spec.interview.order
    free = [index for index, option in enumerate(item.options) if not option.pinned]
    pinned = [index for index, option in enumerate(item.options) if option.pinned]
    if order == "random" and item.ordered:
        backwards = generator(0, "scale order", respondent).random() < 0.5
        order = "reversed" if backwards else "fixed"
    if order == "random":
        moved = generator(0, "option order", item.name, respondent).permutation(len(free))
        free = [free[other] for other in moved]
    elif order == "reversed":
        free.reverse()
    elif order == "fixed":
        return tuple(range(item.k))
    return (*free, *pinned)
