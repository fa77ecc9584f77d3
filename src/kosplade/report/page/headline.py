"""Is the new experiment better, and how sure is that: paired tests on the queries, put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from kosplade.report.experiments import Experiment
from kosplade.report.figures import BASELINES, HEADLINES, WAYS
from kosplade.report.gates import Gates, keeps, limit_text
from kosplade.report.page.beside import reason, reasons
from kosplade.retrieval.bootstrap import interval
from kosplade.retrieval.results import figure
from kosplade.retrieval.significance import holm, randomisation_test

SEED = 0  # as in the stage eval, so that p values here are those of metrics/eval.json
LEVEL = 0.05
NBSP = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True)
class Comparison:
    """nDCG@10 of the new experiment, queried one way, less that of `against` ("base" or a baseline).

    `difference` is the mean over queries, `low` and `high` end its 95 % bootstrap interval, `p` is corrected by Holm
    within its group: the comparisons with base, or those with baselines.
    """

    way: str
    against: str
    difference: float
    low: float
    high: float
    p: float

    @property
    def outcome(self) -> str:
        """better, worse, or unsure where the test shows no difference."""
        if self.p >= LEVEL:
            return "unsure"
        return "better" if self.difference > 0 else "worse"


@dataclass(frozen=True)
class Verdict:
    """`headline` is one sentence, `sentences` give its numbers, `notes` what a reader must know to judge them."""

    headline: str
    sentences: list[str]
    notes: list[str]
    comparisons: list[Comparison]


def judge(base: Experiment, new: Experiment, gates: Gates) -> Verdict:
    """Compare two experiments where they are comparable, and the new one with its baselines, query by query."""
    of_base, of_new = base.queries["ndcg10"], new.queries["ndcg10"]
    ways = [way for way in WAYS if way in of_new and way in of_base]
    obstacle = reason(base, new, HEADLINES[0])
    if obstacle is None and base.queries["ids"] != new.queries["ids"]:
        obstacle = "a queries.json is of another run than metrics/eval.json: not compared"
    against_base = [] if obstacle else _compare({(way, "base"): (of_new[way], of_base[way]) for way in ways})
    pairs = [(way, name) for name in BASELINES for way in WAYS if way in of_new and name in of_new]
    against_baselines = _compare({(way, name): (of_new[way], of_new[name]) for way, name in pairs})
    sentences = [_numbers(base, new, ways, obstacle), _stopwords(base, new, gates)]
    notes = [
        "Two-sided paired randomisation tests on nDCG@10; p after Holm's correction "
        f"(over {len(against_base)} tests against {base.name} and {len(against_baselines)} against baselines), "
        f"difference shown where p{NBSP}<{NBSP}{LEVEL}. Intervals: 95{NBSP}% bootstrap over queries, uncorrected.",
        "One training of each: the tests cover the choice of queries, not the chance of another training seed.",
        *(f"{base.name} and {new.name}: {why}." for why in reasons(base, new)),
    ]
    return Verdict(_headline(against_base, base.name, new.name), sentences, notes, against_base + against_baselines)


def p_text(p: float) -> str:
    """p = .026, or p < .001, in one piece."""
    text = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace(" 0.", " .")
    return text.replace(" ", NBSP)


def _compare(pairs: Mapping[tuple[str, str], tuple[Sequence[float], Sequence[float]]]) -> list[Comparison]:
    differences = {key: [a - b for a, b in zip(*values, strict=True)] for key, values in pairs.items()}
    p_values = holm({key: randomisation_test(paired, SEED) for key, paired in differences.items()})
    return [
        Comparison(*key, fmean(paired), *interval(paired, SEED), p_values[key]) for key, paired in differences.items()
    ]


def _headline(comparisons: list[Comparison], base: str, new: str) -> str:
    outcomes = {one.way: one.outcome for one in comparisons}
    if not outcomes:
        return f"{new} and {base} cannot be tested against each other."
    if set(outcomes.values()) == {"unsure"}:
        return f"No difference shown between {new} and {base}."
    if len(set(outcomes.values())) == 1:
        return f"{new} is {next(iter(outcomes.values()))} than {base}."
    clauses = [
        f"no difference shown with {WAYS[way]}" if outcome == "unsure" else f"{outcome} than {base} with {WAYS[way]}"
        for way, outcome in outcomes.items()
    ]
    return f"{new}: {', '.join(clauses)}."


def _numbers(base: Experiment, new: Experiment, ways: list[str], obstacle: str | None) -> str:
    of_base, of_new = base.queries["ndcg10"], new.queries["ndcg10"]
    parts = [f"{fmean(of_new[way]):.3f} against {fmean(of_base[way]):.3f} with {WAYS[way]}" for way in ways]
    queries = f"{len(new.queries['ids'])} {new.queries['split']} queries"
    where = f"No paired test: {obstacle}. Each on its own queries" if obstacle else f"On {queries}"
    return f"{where}, {new.name} has an nDCG@10 of {', and of '.join(parts)}."


def _stopwords(base: Experiment, new: Experiment, gates: Gates) -> str:
    bounds = gates.bounds("sparsity", "stopword_activation")
    before, after = (one.metrics["sparsity"]["stopword_activation"] for one in (base, new))
    move = f"{'falls' if after < before else 'rises'} from {figure(before)} to {figure(after)}"
    change = f"stays at {figure(after)}" if figure(before) == figure(after) else move
    limit = f", which {'keeps' if keeps(bounds, after) else 'breaks'} its limit ({limit_text(bounds)})"
    return f"Stopword activation {change}{limit if bounds else ''}."
