"""Examples of task files for docs/reference/task-file.md, by definition. Tests check each; every field stands in that of its part."""

from __future__ import annotations

__all__ = ["TASK_EXAMPLES"]

TASK_EXAMPLES = {
    "TaskSpec": """\
<!-- task -->
```yaml
name: trust
version: "1.0"
title: Trust in institutions, an invented survey
source:
  use: file:answers.csv
  provenance: human
  licence: CC0
  citation: nobody (an example)
profile:
  age: {column: age, text: "You are {{ value }} years old."}
items:
  - name: trust_police
    role: belief
    kind: ordinal
    question: How far do you trust the police?
    options: {"1": not at all, "2": a little, "3": fully}
    missing: {"9": refused}
equivalence:
  share: 0.1
  reason: Ten points would change what is written about the police.
```""",
    "SourceSpec": """\
<!-- source -->
```yaml
source:
  use: file:answers.csv
  provenance: human
  licence: CC-BY-4.0
  citation: Nobody (2024), Trust in institutions
  url: https://example.org/trust
  published: "2024-05-01"
  field_dates: March 2024
  population: adults in Norway
  mode: web
  selection: a probability-based panel; 2,104 of 5,000 invited answered
  sha256: 3f786850e387550fdab836ed7e6dc881de23001b9f6f0c8d0c1e4c9f5d6a7b8c
  keep: age >= 18
  id: person
  weight: w
  strata: region
  psu: municipality
  lonely_psu: collapse
  encoding: cp1252
```""",
    "ProfileField": """\
<!-- parts -->
```yaml
profile:
  school:
    column: educ
    kind: ordinal
    labels: {"1": primary, "2": secondary, "3": tertiary}
    text: "Your highest education is {{ value }}."
    example: "2"
    missing: {"9": dont_know}
    recode: {map: {"4": "3"}, evidence: "codebook, page 12: 4 was merged with 3"}
items:
  - {name: vote, role: action, kind: binary, question: Did you vote, options: {"0": "No", "1": "Yes"}}
```""",
    "Recode": """\
<!-- items -->
```yaml
- name: party
  role: attitude
  kind: nominal
  question: Which party do you feel closest to?
  options: {"1": Labour, "2": Conservatives, "3": another party}
  recode:
    map: {"4": "3", "5": "3"}
    evidence: small parties are one option here
```""",
    "Arms": """\
Either a column with levels:

<!-- parts -->
```yaml
arms:
  column: cond
  levels:
    "1": {label: no story}
    "2": {label: a story, vignette: "A newspaper writes: crime is rising."}
items:
  - {name: worried, role: attitude, kind: binary, question: Are you worried, options: {"0": "No", "1": "Yes"}}
```

or factors that are crossed:

<!-- parts -->
```yaml
arms:
  factors:
    tone: {column: tone, levels: {"0": good, "1": bad}}
    place: {column: place, levels: {"0": here, "1": elsewhere}}
  vignette: "A newspaper brings {% if tone == '1' %}bad{% else %}good{% endif %} news."
items:
  - {name: worried, role: attitude, kind: binary, question: Are you worried, options: {"0": "No", "1": "Yes"}}
```""",
    "Level": """\
<!-- parts -->
```yaml
arms:
  column: cond
  levels:
    "1": {label: good news, vignette: "A newspaper writes: crime is falling.", factors: {tone: good}}
    "2": {label: bad news, vignette: "A newspaper writes: crime is rising.", factors: {tone: bad}}
items:
  - {name: worried, role: attitude, kind: binary, question: Are you worried, options: {"0": "No", "1": "Yes"}}
```""",
    "InterviewSpec": """\
<!-- parts -->
```yaml
interview:
  mode: sequential
  system: You are taking part in a survey in Norway in 2018. Answer as the person described would.
  introduction: The survey is about news.
  profile: "You are {{ age }} years old."
  instruction: "Answer with {{ labels }} and nothing else."
  options: letters
  order: random
  shuffled: [[paper, radio]]
profile:
  age: {column: age}
items:
  - {name: paper, role: action, kind: binary, question: Did you read a newspaper, options: {"0": "No", "1": "Yes"}}
  - {name: radio, role: action, kind: binary, question: Did you hear the radio, options: {"0": "No", "1": "Yes"}}
```""",
    "ItemSpec": """\
Two items, a numeric one, one with all that a check of attention has, a question with several answers, and a battery:

<!-- parts -->
```yaml
scales:
  trust: {"1": not at all, "2": a little, "3": fully}
profile:
  age: {column: age}
profile_sets:
  core: [age]
  with_owner: [age, owner]
items:
  - name: owner
    role: action
    kind: binary
    column: q1
    question: Do you own a car?
    wording: verbatim
    options: {"0": "No", "1": "Yes"}
    missing: {"9": refused}
    text: "Asked whether you own a car, you said: {{ value }}."
  - name: satisfied
    role: attitude
    kind: ordinal
    question: How satisfied are you with it?
    ask_if: owner == "1"
    order: reversed
    options: {"1": dissatisfied, "2": neither, "3": satisfied}
    missing: {"-9": not_asked}
    recode: {map: {"4": "3"}, evidence: "codebook, page 12"}
  - name: trips
    role: action
    kind: numeric
    question: How often did you drive last week?
    points: [0, 1, 5, 10, 20]
    unit: times
  - name: check
    role: attention
    kind: nominal
    question: "To show that you read this, choose blue."
    options: {"1": red, "2": blue}
    expected: "2"
  - name: media
    role: action
    kind: multiple
    question: Where did you get news yesterday?
    ticked: "yes"
    unticked: "no"
    ticked_label: "Yes, I did"
    unticked_label: "No, I did not"
    options: {tv: {label: Television, column: q9a}, paper: A newspaper}
  - name: travel
    role: action
    kind: multiple
    question: How did you travel this week?
    column: transport
    separator: ";"
    blank: not_ticked
    options: {car: by car, bus: by bus}
  - role: belief
    kind: ordinal
    question: How far do you trust {{ statement }}?
    options: trust
    items:
      trust_police: the police
      trust_press: {statement: the press, column: q7b, wording: verbatim}
```

Two that are asked twice, and a numeric one whose answers are grouped in patterns:

<!-- parts -->
```yaml
items:
  - {name: trust, role: belief, kind: ordinal, question: "Trust the police?", options: {"1": a little, "2": fully}}
  - {name: again, role: belief, kind: ordinal, retest: trust, question: "Once more?", options: {"1": a little, "2": fully}}
  - name: refugees
    role: belief
    kind: numeric
    question: How many of a hundred refugees find work within a year?
    points: [0, 10, 25, 50, 75, 100]
    bins: [25, 75]
patterns: [trust, refugees]
```""",
    "Statement": "Two such items stand in the battery of the example for [items](#items).",
    "OptionSpec": """\
<!-- items -->
```yaml
- name: media
  role: action
  kind: multiple
  question: Where did you get news yesterday?
  options:
    tv: {label: Television, column: q9a}
    paper: A newspaper
- name: left_right
  role: belief
  kind: ordinal
  question: Where would you place yourself?
  options:
    "1": {label: left, value: -1}
    "2": {label: right, value: 1}
    "3": {label: neither, value: 0, pinned: true}
```""",
    "CoherenceRule": """\
<!-- parts -->
```yaml
items:
  - {name: matters, role: belief, kind: ordinal, question: Does it matter who wins, options: {"1": "no", "2": a little, "3": a lot}}
  - {name: voted, role: action, kind: binary, question: Did you vote, options: {"0": "No", "1": "Yes"}}
coherence:
  - name: who cares votes
    applies: matters != 2
    follows: (voted == "1") == (matters == 3)
    note: People to whom it matters a little are undetermined.
```""",
    "AssociationSpec": """\
<!-- parts -->
```yaml
items:
  - {name: matters, role: belief, kind: ordinal, question: Does it matter who wins, options: {"1": "no", "2": a little, "3": a lot}}
  - {name: voted, role: action, kind: binary, question: Did you vote, options: {"0": "No", "1": "Yes"}}
associations:
  - {predictor: matters, outcomes: [voted], note: found in many countries}
```""",
    "RegressionSpec": """\
<!-- parts -->
```yaml
profile:
  age: {column: age}
items:
  - {name: matters, role: belief, kind: ordinal, question: Does it matter who wins, options: {"1": "no", "2": a little, "3": a lot}}
  - {name: voted, role: action, kind: binary, question: Did you vote, options: {"0": "No", "1": "Yes"}}
  - {name: party, role: action, kind: nominal, question: For whom, options: {a: Labour, b: Conservatives, c: others}}
regressions:
  - name: turnout
    formula: voted ~ matters + age
    family: logit
    blocks: {belief: [matters], demographic: [age]}
    event: "1"
    errors: model
    note: as in table 2
  - name: party
    formula: party ~ matters + age
    family: multinomial
    reference: a
    blocks: {belief: [matters], demographic: [age]}
```""",
    "Equivalence": """\
<!-- parts -->
```yaml
items:
  - {name: matters, role: belief, kind: ordinal, question: Does it matter who wins, options: {"1": "no", "2": a little, "3": a lot}}
  - {name: voted, role: action, kind: binary, question: Did you vote, options: {"0": "No", "1": "Yes"}}
equivalence:
  share: 0.10
  mean_sd: 0.20
  gap: 0.06
  sd_ratio: 0.25
  effect: 0.05
  reason: A tenth of the vote would change any reading of the election.
```""",
}
