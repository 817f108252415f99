"""``generate`` and ``verbalized`` through the host: what is asked, what becomes of what is written, and what stays."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from surveyeval.data.sample import State
from surveyeval.errors import CapabilityError, ConfigError
from surveyeval.model import host
from surveyeval.model.build import NamedModel, build_elicitation, check_elicitation
from surveyeval.model.elicitation import Choice, Place
from surveyeval.model.generate import Generate, GenerateOptions
from surveyeval.model.prepare import check, prepare
from surveyeval.model.protocol import Generator, LanguageModel, Scorer, Text, TextRequest
from surveyeval.model.verbalized import Verbalized, VerbalizedOptions, question_text
from surveyeval.progress import Silent
from surveyeval.task.interview import Interview, Message
from surveyeval.task.render import interviews as render
from tests.model.helpers import ask, make_sample
from tests.model.scorers import WordScorer, survey
from tests.model.writers import Writer

ANSWERS = {"belief": [0, 1, 2, 1, 0, 2], "trust": [3, 0, -1, 2, 1, 1], "act": [0, 1, 1, -1, 0, 1]}
MODES = ("sequential", "independent")


def options_of(request: TextRequest) -> list[str]:
    """Letters shown in the last question."""
    return re.findall(r"^([A-Z])\) ", request.messages[-1].content, re.MULTILINE)


def chosen(request: TextRequest) -> str:
    """A letter that depends on the seed."""
    letters = options_of(request)
    return letters[request.seed % len(letters)]


def stated(request: TextRequest) -> str:
    """A distribution that depends on the question."""
    shares = {2: (30, 70), 3: (0, 25, 75), 4: (10, 20, 30, 40)}[len(options_of(request))]
    return "\n".join(f"{letter}: {share}%" for letter, share in zip(options_of(request), shares, strict=True))


def place_key(interview: Interview, j: int) -> str:
    return interview.key if interview.mode == "sequential" else f"{interview.key}/{j}"


def of(model: Writer, key: str, messages: tuple[Message, ...]) -> list[TextRequest]:
    """Requests of this conversation with these messages."""
    return [request for request in model.asked if (request.interview, request.messages) == (key, messages)]


# ---- generate -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["fixed", "reversed"])
def test_generate_puts_the_ordinary_question_with_the_places_seed_and_reads_the_option_declared(
    mode: str, order: str
) -> None:
    task = survey(mode, order)
    people = make_sample(task, ANSWERS)
    batch, model = ask(task, people), Writer(lambda request: f"**{chosen(request)}).** Because.")
    found = host.simulate(model, batch, elicitation=Generate(GenerateOptions(max_tokens=9, temperature=0.5)))
    assert len(model.asked) == 18
    for row, interview in enumerate(render(task, people.without_answers())):
        given: list[str] = []
        for j, item in enumerate(task.items):
            question = interview.questions[j]
            messages = interview.messages(given) if mode == "sequential" else interview.messages_for(j)
            (request,) = of(model, place_key(interview, j), messages)
            assert request.seed == int(batch.uniforms[row, j] * 2**31)
            assert (request.max_tokens, request.temperature) == (9, 0.5)
            shown = question.answers.index(chosen(request))
            assert found.answers[item.name][row] == question.order[shown]
            assert found.texts[item.name][row] == f"**{chosen(request)}).** Because."
            given.append(question.answers[shown])  # the letter alone goes on
    assert found.probabilities == {}
    assert found.mass == {}


def test_draws_depend_on_respondent_and_item_and_not_on_the_batch() -> None:
    task = survey("independent")
    people = make_sample(task, ANSWERS)
    batch = ask(task, people)
    rows = np.array([4, 1])
    part = replace(batch, people=people.take(rows), uniforms=batch.uniforms[rows])
    whole, some = (host.simulate(Writer(chosen), one, elicitation=Generate()) for one in (batch, part))
    for item in task.items:
        np.testing.assert_array_equal(whole.answers[item.name][rows], some.answers[item.name])


def test_what_is_no_answer_has_its_state_and_the_interview_goes_on_with_what_was_written() -> None:
    task = survey()
    written = {
        "p0": Text("I can't answer that."),
        "p1": Text("Bananas."),
        "p2": Text("", "stop"),
        "p3": Text("<think>It is A or", "length"),
        "p4": Text("B", "refused"),
        "p5": Text("<think>A?</think>I don't know."),
    }
    model = Writer(lambda request: written[request.interview] if "Belief?" in request.messages[-1].content else "A")
    found = host.simulate(model, ask(task, make_sample(task, ANSWERS)), elicitation=Generate())
    refused, invalid = State.REFUSED, State.INVALID
    assert found.states is not None
    assert found.states["belief"].tolist() == [refused, invalid, invalid, invalid, refused, State.DONT_KNOW]
    assert found.answers["belief"].tolist() == [-1] * 6
    assert found.states["trust"].tolist() == [State.ANSWERED] * 6
    assert list(found.texts["belief"]) == [text.text for text in written.values()]
    second = {
        request.interview: request.messages for request in model.asked if "Trust?" in request.messages[-1].content
    }
    said = {key: [turn.content for turn in turns if turn.role == "assistant"] for key, turns in second.items()}
    assert said == {
        "p0": ["I can't answer that."], "p1": ["Bananas."], "p2": [], "p3": [], "p4": ["B"], "p5": ["I don't know."]
    }  # fmt: skip
    # where nothing was said, it is as if the question had not been put: the profile stands before the next one
    assert second["p2"][1].content.startswith("Age: 50. Sex: woman.\n\nTrust?")
    third = [request.messages for request in model.asked if "Act?" in request.messages[-1].content]
    assert [len(turns) for turns in third] == [6, 6, 4, 4, 6, 6]


def test_generate_gives_no_log_loss() -> None:
    task = survey()
    people = make_sample(task, ANSWERS)
    assert host.log_prob(Writer(chosen), ask(task, people), people, elicitation=Generate()) == {}
    with pytest.raises(CapabilityError, match="generate gives no probabilities"):
        Generate().forced(Writer(chosen), [])


# ---- verbalized -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["fixed", "reversed"])
def test_verbalized_asks_for_percentages_and_draws_outside_the_model(mode: str, order: str) -> None:
    task = survey(mode, order)
    people = make_sample(task, ANSWERS)
    batch, model = ask(task, people), Writer(stated)
    found = host.simulate(model, batch, elicitation=Verbalized())
    shares = {"belief": [0, 0.25, 0.75], "trust": [0.1, 0.2, 0.3, 0.4], "act": [0.3, 0.7]}
    for row, interview in enumerate(render(task, people.without_answers())):
        given: list[str] = []
        for j, item in enumerate(task.items):
            question = interview.questions[j]
            p = np.empty(item.k)
            p[list(question.order)] = shares[item.name]
            np.testing.assert_allclose(found.probabilities[item.name][row], p)
            drawn = int((p.cumsum() <= batch.uniforms[row, j]).sum())
            assert found.answers[item.name][row] == drawn
            text = question_text(question)
            messages = interview.messages(given, text) if mode == "sequential" else interview.messages_for(j, text)
            # earlier questions and answers stand there in their ordinary form
            (request,) = of(model, place_key(interview, j), messages)
            assert request.temperature == 0
            given.append(question.answers[question.order.index(drawn)])


def test_the_question_for_percentages_holds_all_options_and_not_the_ordinary_instruction() -> None:
    question = render(survey(), make_sample(survey(), ANSWERS).without_answers())[0].questions[0]
    text = question_text(question)
    assert text.startswith(question.stem)
    assert "One letter." in question.text
    assert "One letter." not in text
    assert "A: ...%\nB: ...%\nC: ...%" in text


def test_stated_sums_are_renormalised_and_kept() -> None:
    task = survey("independent")
    lines = {2: "A: 52%\nB: 52%", 3: "A: 32%\nB: 32%\nC: 32%", 4: "A: 25%\nB: 25%\nC: 25%"}
    model = Writer(lambda request: lines[len(options_of(request))])
    found = host.simulate(model, ask(task, make_sample(task, ANSWERS)), elicitation=Verbalized())
    np.testing.assert_allclose(found.mass["act"], 1.04)
    np.testing.assert_allclose(found.mass["belief"], 0.96)
    np.testing.assert_allclose(found.probabilities["belief"], 1 / 3)
    assert found.states is not None
    assert (found.states["trust"] == State.INVALID).all()
    assert (found.answers["trust"] == -1).all()
    assert np.isnan(found.probabilities["trust"]).all()


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("again", [True, False])
def test_the_log_loss_of_stated_percentages_counts_them_as_100_draws(mode: str, again: bool) -> None:
    task = survey(mode)
    people = make_sample(task, ANSWERS)
    batch, model = ask(task, people), Writer(stated)
    simulated = host.simulate(model, batch, elicitation=Verbalized()) if again else None
    before = len(model.asked)
    found = host.log_prob(model, batch, people, elicitation=Verbalized(), simulated=simulated)
    # independent questions were asked already; those about people's own paths were not
    assert (len(model.asked) == before) is (again and mode == "independent")
    shares = {"belief": [0, 25, 75], "trust": [10, 20, 30, 40], "act": [30, 70]}
    for item in task.items:
        for row, answer in enumerate(ANSWERS[item.name]):
            gap = mode == "sequential" and item.name != "belief" and (row == 2 or (row == 3 and item.name == "act"))
            if answer < 0 or gap:
                assert np.isnan(found[item.name][row])
            else:
                expected = np.log((shares[item.name][answer] + 0.5) / (100 + 0.5 * item.k))
                assert found[item.name][row] == pytest.approx(expected)


@pytest.mark.parametrize("mode", MODES)
def test_people_s_paths_are_asked_with_their_own_answers_and_released(mode: str) -> None:
    task = survey(mode)
    people = make_sample(task, ANSWERS)
    batch, model = ask(task, people), Writer(stated)
    host.log_prob(model, batch, people, elicitation=Verbalized(VerbalizedOptions(temperature=0.3)))
    interview = render(task, people.without_answers())[1]
    text = question_text(interview.questions[2])
    messages = interview.messages(("B", "A"), text) if mode == "sequential" else interview.messages_for(2, text)
    (request,) = of(model, place_key(interview, 2), messages)
    assert request.seed == int(batch.uniforms[1, 2] * 2**31)
    assert {one.interview for one in model.asked} == set(model.released)


def test_what_cannot_be_read_on_the_persons_path_has_no_log_probability() -> None:
    task = survey("independent")
    people = make_sample(task, ANSWERS)
    model = Writer(lambda request: stated(request) if len(options_of(request)) == 2 else "no idea")
    found = host.log_prob(model, ask(task, people), people, elicitation=Verbalized())
    assert np.isnan(found["belief"]).all()
    assert np.isfinite(found["act"]).sum() == 5


def test_percentages_that_cannot_be_read_do_not_stand_in_the_conversation() -> None:
    task = survey()
    model = Writer(lambda request: "A: 100%" if "Belief?" in request.messages[-1].content else stated(request))
    found = host.simulate(model, ask(task, make_sample(task, ANSWERS)), elicitation=Verbalized())
    assert found.states is not None
    assert (found.states["belief"] == State.INVALID).all()
    assert (found.states["trust"] == State.ANSWERED).all()
    assert set(found.texts["belief"]) == {"A: 100%"}
    assert [len(request.messages) for request in model.asked] == [2] * 12 + [4] * 6


@pytest.mark.parametrize("elicitation", [Generate(), Verbalized()])
@pytest.mark.parametrize("mode", MODES)
def test_every_conversation_is_released(elicitation: Generate | Verbalized, mode: str) -> None:
    task = survey(mode)
    model = Writer(stated)
    host.simulate(model, ask(task, make_sample(task, ANSWERS)), elicitation=elicitation)
    assert {request.interview for request in model.asked} == set(model.released)


# ---- pilot ----------------------------------------------------------------------------------------------------------


def nobody(people: int) -> np.ndarray:
    return np.zeros(people, dtype=bool)


@pytest.mark.parametrize("elicitation", [Generate(), Verbalized()])
def test_examples_stand_before_the_interview_in_their_ordinary_form(elicitation: Generate | Verbalized) -> None:
    task = survey()
    people = make_sample(task, ANSWERS)
    model = Writer(stated, examples=2)
    preparation = prepare(model, task, people, frozenset(), Silent(), nobody(6), elicitation)
    host.simulate(model, ask(task, people), preparation=preparation, elicitation=elicitation)
    first = model.asked[0].messages
    assert [message.role for message in first] == ["system", *["user", "assistant"] * 6, "user"]
    assert [message.content for message in first if message.role == "assistant"] == list("ADABAB")


@pytest.mark.parametrize(
    ("elicitation", "why"), [(Generate(), "'generate' gives none"), (Verbalized(), "'verbalized' states percentages")]
)
@pytest.mark.parametrize("calibrate", ["temperature", "item"])
def test_only_scored_probabilities_are_calibrated(elicitation: Generate | Verbalized, why: str, calibrate: str) -> None:
    task = survey()
    people = make_sample(task, ANSWERS)
    model = Writer(stated, calibrate=calibrate)
    with pytest.raises(ConfigError, match=why):
        check(model, task, people, frozenset(), nobody(6), elicitation)
    with pytest.raises(ConfigError, match=why):
        prepare(model, task, people, frozenset(), Silent(), nobody(6), elicitation)
    assert model.asked == []


# ---- names, options, capabilities -----------------------------------------------------------------------------------


def test_elicitations_are_built_from_what_users_write() -> None:
    assert isinstance(build_elicitation("choice"), Choice)
    generate = build_elicitation("surveyeval/generate?max_tokens=256&temperature=0.7")
    assert isinstance(generate, Generate)
    assert generate.options == GenerateOptions(max_tokens=256, temperature=0.7)
    verbalized = build_elicitation("verbalized")
    assert isinstance(verbalized, Verbalized)
    assert (verbalized.temperature, generate.temperature) == (0, 0.7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("genrate", "there is no elicitation 'genrate'.*did you mean 'generate'"),
        ("generate?max_token=3", "elicitation 'generate' has no option 'max_token'.*did you mean 'max_tokens'"),
        (
            "generate?max_tokens=0",
            "option 'max_tokens' of elicitation 'generate'.*greater than or equal to 1",
        ),
        ("generate?temperature=inf", "option 'temperature'.*finite"),
        ("generate?temperature=-1", "option 'temperature'.*greater than or equal to 0"),
        ("generate?max_tokens", "option 'max_tokens' of elicitation .* is not written key=value"),
        ("generate?max_tokens=1&max_tokens=2", "given twice with different values"),
        ("choice?temperature=1", "elicitation 'choice' has no options"),
        ("generate:64", "is not written name or name.option=value"),
        ("", "is not written name"),
    ],
)
def test_what_is_wrong_with_an_elicitation_is_said(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=f"(?s){message}"):
        build_elicitation(text)


def test_a_model_that_only_scores_cannot_write_and_the_other_way_round() -> None:
    scorer, writer = NamedModel("s", "s:s", WordScorer()), NamedModel("w", "w:w", Writer(chosen))
    check_elicitation(scorer, Choice())
    check_elicitation(writer, Generate())
    check_elicitation(writer, Verbalized())
    with pytest.raises(CapabilityError, match=r"model 's' cannot do elicitation 'generate'.*it can: choice"):
        check_elicitation(scorer, Generate())
    with pytest.raises(
        CapabilityError, match=r"model 'w' cannot do elicitation 'choice'.*it can: generate, verbalized"
    ):
        check_elicitation(writer, Choice())
    assert isinstance(writer.model, LanguageModel)
    assert isinstance(writer.model, Generator)
    assert not isinstance(writer.model, Scorer)


def test_a_place_asked_in_other_words_is_the_same_conversation() -> None:
    interview = render(survey(), make_sample(survey(), ANSWERS).without_answers())[0]
    place = Place(interview, 1, ("A",), 0.5)
    assert place.messages("Other?")[:-1] == place.messages()[:-1]
    assert place.messages("Other?")[-1] == Message("user", "Other?")
