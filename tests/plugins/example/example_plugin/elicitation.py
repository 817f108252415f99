"""A way of asking."""

from pydantic import BaseModel, ConfigDict

from surveyeval.data.sample import State
from surveyeval.model.elicitation import Reply
from surveyeval.model.protocol import TextRequest


class ShoutOptions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    marks: int = 1


class Shout:
    """Shouts the question; the first option whose label the model shouts back is the answer."""

    name = "shout"
    needs = "generate"
    distribution = False

    def __init__(self, options):
        self.marks = "!" * options.marks

    def ask(self, model, places, calibration):
        texts = model.generate(
            [
                TextRequest(place.key, place.messages(place.question.stem.upper() + self.marks), place.seed, 8)
                for place in places
            ]
        )
        return [self._reply(place, text) for place, text in zip(places, texts, strict=True)]

    def _reply(self, place, written):
        for shown, label in enumerate(place.question.labels):
            if label.upper() in written.text:
                return Reply(place.question.order[shown], State.ANSWERED, text=written.text)
        return Reply(-1, State.INVALID, text=written.text)
