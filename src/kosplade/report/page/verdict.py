"""Is the new experiment better, and how sure is that: paired tests on the queries, put into words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kosplade.export.card import SYSTEMS
from kosplade.report.experiments import Experiment
from kosplade.retrieval.bootstrap import interval
from kosplade.retrieval.significance import holm, randomisation_test

WAYS = {way: SYSTEMS[way] for way in ("inference_free", "siamese")}
BASELINES = {
    "bm25": "BM25 over the same pieces",
    "bm25_kiwi": "BM25 over Kiwi morphemes",
    "dense": "the dense encoder",
}
SEED = 0  # as in the stage eval, so that p values here are those of metrics/eval.json
LEVEL = 0.05
NBSP = "\N{NO-BREAK SPACE}"
STOPWORD_TARGET = 0.5  # of the guide: stopword activation below it


@dataclass(frozen=True)
class Comparison:
    """nDCG@10 of the new experiment, queried one way, less that of `against` ("base" or a baseline).

    `low` and `high` end the 95 % bootstrap interval over queries, `p` is corrected by Holm within its group: the
    comparisons with base, or those with baselines.
    """

    way: str
    against: str
    value: float
    other: float
    low: float
    high: float
    p: float

    @property
    def difference(self) -> float:
        return self.value - self.other

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


def judge(base: Experiment, new: Experiment) -> Verdict:
    """Compare two experiments, and the new one with its baselines, on the queries that both were evaluated on."""
    testable = all(base.queries[key] == new.queries[key] for key in ("split", "ids"))
    of_base, of_new = base.queries["ndcg10"], new.queries["ndcg10"]
    ways = [way for way in WAYS if way in of_new and way in of_base]
    against_base = _compare({(way, "base"): (of_new[way], of_base[way]) for way in ways}) if testable else []
    against_baselines = _compare(
        {
            (way, baseline): (of_new[way], of_new[baseline])
            for baseline in BASELINES
            for way in WAYS
            if way in of_new and baseline in of_new
        }
    )
    sentences = [_numbers(against_base, new)] if testable else [_untested(base, new, ways)]
    sentences += [_against_baseline(name, against_baselines) for name in BASELINES if name in of_new]
    return Verdict(
        _headline(against_base, base.name, new.name),
        [*sentences, _stopwords(base, new)],
        _notes(base, new, len(against_base), len(against_baselines)),
        against_base + against_baselines,
    )


def signed(value: float) -> str:
    """A difference with its sign, 3 decimals: +0.026."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def p_text(p: float) -> str:
    """p = .026, or p < .001, in one piece."""
    text = "p < .001" if p < 0.001 else f"p = {p:.3f}".replace(" 0.", " .")
    return text.replace(" ", NBSP)


def _compare(pairs: Mapping[tuple[str, str], tuple[Sequence[float], Sequence[float]]]) -> list[Comparison]:
    differences = {key: [a - b for a, b in zip(*values, strict=True)] for key, values in pairs.items()}
    p_values = holm({key: randomisation_test(paired, SEED) for key, paired in differences.items()})
    return [
        Comparison(
            *key,
            *(sum(values) / len(values) for values in pairs[key]),
            *interval(paired, SEED),
            p_values[key],
        )
        for key, paired in differences.items()
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


def _numbers(comparisons: list[Comparison], new: Experiment) -> str:
    parts = [
        f"{one.value:.3f} against {one.other:.3f} with {WAYS[one.way]} ({signed(one.difference)}, 95{NBSP}% interval "
        f"{signed(one.low)} to {signed(one.high)}, {p_text(one.p)})"
        for one in comparisons
    ]
    queries = f"{len(new.queries['ids'])} {new.queries['split']} queries"
    return f"On {queries}, {new.name} has an nDCG@10 of {', and of '.join(parts)}."


def _untested(base: Experiment, new: Experiment, ways: list[str]) -> str:
    means = [
        f"{_mean(new.queries['ndcg10'][way]):.3f} and {_mean(base.queries['ndcg10'][way]):.3f} with {WAYS[way]}"
        for way in ways
    ]
    return (
        f"They were evaluated on different queries ({len(new.queries['ids'])} and {len(base.queries['ids'])}), so a "
        f"paired test is not possible. nDCG@10, {new.name} and {base.name}, each on its own: {'; '.join(means)}."
    )


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _against_baseline(baseline: str, comparisons: list[Comparison]) -> str:
    words = {"better": "better", "worse": "worse", "unsure": "no difference shown"}
    parts = [
        f"{words[one.outcome]} with {WAYS[one.way]} ({signed(one.difference)}, {p_text(one.p)})"
        for one in comparisons
        if one.against == baseline
    ]
    return f"Against {BASELINES[baseline]}: {'; '.join(parts)}."


def _stopwords(base: Experiment, new: Experiment) -> str:
    before, after = (one.metrics["sparsity"]["stopword_activation"] for one in (base, new))
    move = "stays at" if f"{before:.3f}" == f"{after:.3f}" else "falls" if after < before else "rises"
    change = f"{move} {after:.3f}" if move == "stays at" else f"{move} from {before:.3f} to {after:.3f}"
    reaches = "below" if after < STOPWORD_TARGET else "not below"
    return f"Stopword activation {change}, {reaches} the guide's target of {STOPWORD_TARGET}."


def _notes(base: Experiment, new: Experiment, num_base: int, num_baselines: int) -> list[str]:
    notes = [
        "Two-sided paired randomisation tests on nDCG@10; p after Holm's correction "
        f"(over {num_base} tests against {base.name} and {num_baselines} against baselines), difference shown where "
        f"p{NBSP}<{NBSP}{LEVEL}. Intervals: 95{NBSP}% bootstrap over queries, uncorrected.",
        "One training of each: the tests cover the choice of queries, not the chance of another training seed.",
    ]
    documents = [one.metrics["eval"]["documents"] for one in (base, new)]
    if documents[0] != documents[1]:
        notes.append(
            f"{base.name} searched {documents[0]:,} documents and {new.name} {documents[1]:,}: their difference is "
            "not that of the models alone."
        )
    return notes
