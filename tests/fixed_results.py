"""Results with fixed numbers, never from a fit: what tables, figures, renderers and reports are
tested and shown with. `results()` is a rich study of six sites; `hostile=True` puts markup into
every label; `released=True` looks like what the gate lets through.
"""

from __future__ import annotations

import dataclasses
import math

from peerstats.results import Clearance, FitRecord, Number, Results
from peerstats.results.blocks import (
    ApproximationBlock,
    AuditBlock,
    AuditLevel,
    BaselineBlock,
    BaselineVariable,
    CalibrationBlock,
    CheckBlock,
    Curve,
    FlowBlock,
    Group,
    GroupBlock,
    InfluenceBlock,
    Item,
    LinearityBlock,
    Mark,
    MissingBlock,
    ModelBlock,
    QualityBlock,
    QualityRow,
    ReliabilityBlock,
    ResidualBlock,
    Term,
    TermLevel,
)

HOSTILE = "<script>alert('x')</script> $x^2$ | a *b* [c](d) `e` & \"f\""
SITES = (
    ("a", "Tapachula"),
    ("b", "Tecún Umán"),
    ("c", "Quetzaltenango"),
)
NAN = math.nan


class Numbers(dict[str, Number]):
    """Collects numbers by address."""

    def put(self, at: str, kind: str, value: float, fmt: str, scale: str = "none") -> None:
        self[at] = Number(address=at, kind=kind, scale=scale, value=value, format=fmt)  # type: ignore[arg-type]

    def count(self, at: str, value: float) -> None:
        self.put(at, "count", value, "count", "count")

    def measure(self, base: str, values: tuple[float, float, float, float]) -> None:
        """An odds ratio with interval and p-value."""
        self.put(f"{base}.or", "estimate", values[0], "ratio", "odds_ratio")
        self.put(f"{base}.low", "ci", values[1], "ratio", "odds_ratio")
        self.put(f"{base}.high", "ci", values[2], "ratio", "odds_ratio")
        self.put(f"{base}.p", "p_value", values[3], "p")


def flow(numbers: Numbers) -> FlowBlock:
    steps = (
        ("approached", "Women approached", False, 486),
        ("refused", "declined to take part", True, 41),
        ("eligible", "Women who consented", False, 445),
        ("age", "younger than 18 or age not known", True, 7),
        ("duplicate", "enrolled before at another site", True, 3),
        ("analysed", "Women analysed", False, 435),
    )
    for key, _, _, n in steps:
        numbers.count(f"flow.{key}.n", n)
    return FlowBlock(
        key="flow",
        title="Flow of women through the study",
        steps=tuple((k, label, out) for k, label, out, _ in steps),
    )


def baseline(numbers: Numbers) -> BaselineBlock:
    sizes = {"all": 435, "a": 182, "b": 154, "c": 99}
    for group, n in sizes.items():
        numbers.count(f"t1.{group}.n", n)
    tables = {
        "origin": {
            "honduras": (154, 80, 51, 23), "salvador": (126, 58, 44, 24),
            "guatemala": (112, 29, 45, 38), "nicaragua": (43, 15, 14, 14),
        },
        "place": {
            "hotel": (223, 78, 87, 58), "bar": (168, 97, 47, 24), "street": (44, 7, 20, 17),
        },
        "deported": {"yes": (281, 120, 101, 60), "no": (136, 57, 48, 31)},
    }  # fmt: skip
    for variable, levels in tables.items():
        for g, group in enumerate(sizes):
            asked = sum(row[g] for row in levels.values())
            for level, row in levels.items():
                numbers.count(f"t1.{variable}.{level}.{group}.n", row[g])
                at = f"t1.{variable}.{level}.{group}.percent"
                numbers.put(at, "percent", 100 * row[g] / asked, "percent1", "percent")
            numbers.count(f"t1.{variable}.{group}.answered", asked)
            numbers.count(f"t1.{variable}.{group}.asked", sizes[group])
        numbers.put(f"t1.{variable}.smd", "smd", 0.31, "decimal2", "standard_deviations")
    ages = {
        "all": (32.6, 7.9, 32, 26, 38), "a": (31.2, 7.4, 31, 25, 36),
        "b": (33.1, 8.1, 32, 27, 39), "c": (34.5, 8.3, 34, 28, 41),
    }  # fmt: skip
    bins = {"18": (88, 44, 28, 16), "26": (176, 77, 62, 37), "34": (121, 46, 45, 30)}
    bins |= {"42": (50, 15, 19, 16)}
    for g, group in enumerate(sizes):
        names = ("mean", "sd", "median", "q1", "q3")
        for name, value in zip(names, ages[group], strict=True):
            kind = "quartile" if name in ("q1", "q3") else name
            numbers.put(f"t1.age.{group}.{name}", kind, value, "decimal1", "unit")
        for key, row in bins.items():
            numbers.count(f"t1.age.bin.{key}.{group}.n", row[g])
        numbers.count(f"t1.age.{group}.answered", sizes[group])
        numbers.count(f"t1.age.{group}.asked", sizes[group])
    numbers.put("t1.age.smd", "smd", 0.42, "decimal2", "standard_deviations")
    hiv = {"yes": 17, "no": 372}
    for level, n in hiv.items():
        numbers.count(f"t1.hiv.{level}.all.n", n)
        numbers.put(f"t1.hiv.{level}.all.percent", "percent", 100 * n / 389, "percent1", "percent")
    numbers.count("t1.hiv.all.answered", 389)
    numbers.count("t1.hiv.all.asked", 402)
    yes_no = (Item(key="yes", label="Yes"), Item(key="no", label="No"))
    return BaselineBlock(
        key="t1",
        title="Characteristics of the women, by site",
        by_label="Site",
        groups=(
            Group(key="all", label="All women"),
            *(Group(key=key, label=label) for key, label in SITES),
        ),
        variables=(
            BaselineVariable(
                name="age", label="Age", numeric=True, unit="years",
                bins=tuple(
                    Item(key=k, label=t)
                    for k, t in (("18", "18–25"), ("26", "26–33"), ("34", "34–41"), ("42", "≥ 42"))
                ),
            ),
            BaselineVariable(
                name="origin", label="Country of origin", numeric=False,
                levels=(
                    Item(key="honduras", label="Honduras"),
                    Item(key="salvador", label="El Salvador"),
                    Item(key="guatemala", label="Guatemala"),
                    Item(key="nicaragua", label="Nicaragua"),
                ),
            ),
            BaselineVariable(
                name="place", label="Place of service", numeric=False,
                levels=(
                    Item(key="hotel", label="Hotel, motel or rented room"),
                    Item(key="bar", label="Bar or cantina"),
                    Item(key="street", label="Street, truck or park"),
                ),
            ),
            BaselineVariable(
                name="deported", label="Ever deported", numeric=False, levels=yes_no, sensitive=2
            ),
            BaselineVariable(
                name="hiv", label="Living with HIV, self-reported", numeric=False, levels=yes_no,
                sensitive=3, by_group=False, skip_rule="only women who had ever been tested",
            ),
        ),
    )  # fmt: skip


def missing(numbers: Numbers) -> MissingBlock:
    rows = {
        "ps": ("Peer support score", (435, 435, 421, 6, 2, 6, 0, 0, 0)),
        "condom": ("Condom use, last ten clients", (435, 418, 401, 11, 6, 0, 0, 17, 0)),
        "deported": ("Ever deported", (435, 435, 417, 14, 3, 1, 0, 0, 0)),
        "hiv": ("Living with HIV", (435, 402, 389, 13, 0, 0, 0, 33, 0)),
        "years": ("Years in sex work", (435, 435, 405, 4, 26, 0, 0, 0, 0)),
    }
    names = ("rows", "asked", "answered", "refused", "dont_know", "not_collected", "unknown")
    names += ("not_asked", "not_applicable")
    for key, (_, counts) in rows.items():
        for name, n in zip(names, counts, strict=True):
            numbers.count(f"miss.{key}.{name}", n)
        at = f"miss.{key}.answered_percent"
        numbers.put(at, "percent", 100 * counts[2] / counts[1], "percent1", "percent")
    return MissingBlock(
        key="miss",
        title="Missing values by type",
        variables=tuple(Item(key=k, label=label) for k, (label, _) in rows.items()),
    )


def quality(numbers: Numbers) -> QualityBlock:
    rows = (
        QualityRow(
            key="c04", rule="C04", severity="review", table="participants",
            columns=("age", "age_entry"), message="Age at entry into sex work is above age.",
        ),
        QualityRow(
            key="c15", rule="C15", severity="warning", table="visits", columns=("hiv_test",),
            message="Reports a positive test but was never tested.",
        ),
    )  # fmt: skip
    for row, n in zip(rows, (7, 13), strict=True):
        numbers.count(f"q.{row.key}.count", n)
        numbers.count(f"q.{row.key}.checked", 435)
    for site, _ in SITES:
        numbers.put(f"q.c15.site.{site}.percent", "percent", 3.1, "percent1", "percent")
    return QualityBlock(
        key="q",
        title="What the consistency checks found",
        rows=rows,
        rules_run=34,
        notes=("Durations such as “7 months” were read as intervals.",),
        site_rates=tuple(("c15", Group(key=k, label=label)) for k, label in SITES),
    )


def reliability(numbers: Numbers) -> ReliabilityBlock:
    base = "scales.ps"
    numbers.put(f"{base}.items", "constant", 4, "count")
    numbers.count(f"{base}.n", 421)
    for name, value, fmt in (
        ("alpha", 0.812, "decimal2"), ("omega", 0.824, "decimal2"), ("mean", 11.4, "decimal1"),
        ("sd", 3.2, "decimal1"), ("floor", 2.1, "percent1"), ("ceiling", 9.7, "percent1"),
    ):  # fmt: skip
        numbers.put(f"{base}.{name}", "reliability", value, fmt)
    items = ("could ask others for money", "could ask others for help", "trusts the others")
    items += ("feels alone here (reversed)",)
    for i, value in enumerate((0.61, 0.66, 0.58, 0.49)):
        numbers.put(f"{base}.i{i}.item_rest", "reliability", value, "decimal2")
    return ReliabilityBlock(
        key="scales",
        title="Reliability of the scales",
        scales=(
            (
                Item(key="ps", label="Peer support"),
                tuple(Item(key=f"i{i}", label=text) for i, text in enumerate(items)),
            ),
        ),
    )


def levels(*pairs: tuple[str, str]) -> tuple[TermLevel, ...]:
    """The first pair is the reference."""
    return tuple(
        TermLevel(key=key, label=label, term=None if i == 0 else f"t[{key}]")
        for i, (key, label) in enumerate(pairs)
    )


def random_part(numbers: Numbers, base: str, values: tuple[float, ...]) -> None:
    numbers.count(f"{base}.groups", 60)
    names = (
        *("variance", "variance.low", "variance.high"),
        *("icc", "icc.low", "icc.high", "mor", "mor.low", "mor.high"),
    )
    for name, value in zip(names, values, strict=True):
        sort = name.split(".")[0]
        fmt = "ratio" if sort == "mor" else "decimal3"
        numbers.put(f"{base}.{name}", "ci" if "." in name else sort, value, fmt, "variance")


def model(numbers: Numbers) -> ModelBlock:
    crude = {
        "ps": (1.71, 1.38, 2.12, 0.0000041), "age": (1.02, 0.98, 1.06, 0.31),
        "place.bar": (0.66, 0.44, 0.99, 0.0455), "place.street": (0.41, 0.20, 0.84, 0.015),
        "origin.salvador": (1.12, 0.70, 1.79, 0.63), "origin.guatemala": (1.93, 1.16, 3.21, 0.011),
    }  # fmt: skip
    adjusted = {
        "ps": (1.64, 1.31, 2.05, 0.000012), "age": (1.01, 0.97, 1.05, 0.61),
        "place.bar": (0.74, 0.48, 1.14, 0.17), "place.street": (0.52, 0.24, 1.12, 0.095),
        "origin.salvador": (1.09, 0.66, 1.80, 0.74), "origin.guatemala": (1.70, 0.99, 2.92, 0.054),
    }  # fmt: skip
    cells = {
        "place.hotel": (121, 206), "place.bar": (70, 155), "place.street": (14, 40),
        "origin.honduras": (66, 142), "origin.salvador": (58, 116), "origin.guatemala": (81, 143),
        "ps": (205, 401), "age": (205, 401),
    }  # fmt: skip
    for name, values in adjusted.items():
        numbers.measure(f"m1.{name}", values)
        numbers.measure(f"m1.crude.{name}", crude[name])
    for name, (events, n) in cells.items():
        numbers.count(f"m1.{name}.events", events)
        numbers.count(f"m1.{name}.n", n)
    random_part(numbers, "m1.venue", (0.284, 0.091, 0.88, 0.079, 0.027, 0.211, 1.66, 1.33, 2.45))
    null = (0.412, 0.16, 1.06, 0.111, 0.046, 0.244, 1.84, 1.46, 2.67)
    random_part(numbers, "m1.null.venue", null)
    for base in ("m1", "m1.null"):
        numbers.count(f"{base}.n", 401)
        numbers.count(f"{base}.events", 205)
    numbers.put("m1.loglik", "loglik", -251.3281, "decimal2", "log_likelihood")
    numbers.put("m1.nodes", "constant", 15, "count")
    numbers.count("m1.dropped.ps", 14)
    return ModelBlock(
        key="m1",
        title="Peer support and consistent condom use",
        outcome="condom",
        outcome_label="consistent condom use",
        measure="or",
        terms=(
            Term(
                variable="ps", label="Peer support, per standard deviation", exposure=True,
                levels=(TermLevel(key="", label="", term="ps"),), reason="the question",
            ),
            Term(
                variable="age", label="Age, per year", reason="confounds: older women know more",
                levels=(TermLevel(key="", label="", term="age"),),
            ),
            Term(
                variable="place", label="Place of service", reason="sets both support and condoms",
                levels=levels(
                    ("hotel", "Hotel, motel or rented room"), ("bar", "Bar or cantina"),
                    ("street", "Street, truck or park"),
                ),
            ),
            Term(
                variable="origin", label="Country of origin", reason="language and papers",
                levels=levels(
                    ("honduras", "Honduras"), ("salvador", "El Salvador"),
                    ("guatemala", "Guatemala"),
                ),
            ),
        ),
        factors=(Item(key="venue", label="Venue"),),
        fits=("m1", "m1.null"),
        inference=(("ps", "profile likelihood, with a likelihood-ratio test"),),
        question="Do women with more peer support use condoms more consistently?",
    )  # fmt: skip


REFUSAL = (
    "Country of work varies only between sites; with three sites no p-value can be below any "
    "usual level, so none is given."
)


def refused(numbers: Numbers) -> ModelBlock:
    """A model whose exposure cannot be estimated and whose fit is singular."""
    numbers.measure("m2.country.gt", (0.83, 0.11, 6.4, NAN))
    del numbers["m2.country.gt.p"]
    numbers.measure("m2.deported.yes", (1.41, 0.88, 2.26, 0.15))
    numbers.measure("m2.crude.deported.yes", (1.36, 0.86, 2.15, 0.19))
    for level, events, n in (("no", 31, 130), ("yes", 83, 268)):
        numbers.count(f"m2.deported.{level}.events", events)
        numbers.count(f"m2.deported.{level}.n", n)
    numbers.put("m2.site.variance", "variance", 0.0, "decimal3", "variance")
    numbers.count("m2.site.groups", 3)
    numbers.count("m2.n", 398)
    numbers.count("m2.events", 114)
    singular = "The between-site variance is estimated as zero (singular fit)."
    return ModelBlock(
        key="m2",
        title="Country of work and violence by clients",
        outcome="violence",
        outcome_label="violence by clients in the last six months",
        measure="or",
        terms=(
            Term(
                variable="country", label="Country of work", exposure=True, reason="the question",
                levels=levels(("mx", "Mexico"), ("gt", "Guatemala")),
            ),
            Term(
                variable="deported", label="Ever deported", reason="common cause",
                levels=levels(("no", "No"), ("yes", "Yes")),
            ),
            Term(
                variable="police", label="Extortion by police", reason="common cause",
                levels=levels(("no", "No"), ("yes", "Yes")),
            ),
        ),
        factors=(Item(key="site", label="Site"),),
        fits=("m2",),
        marks=(
            Mark(where="m2.country", sort="no_p_value", sentence=REFUSAL),
            Mark(where="m2", sort="singular", sentence=singular),
            Mark(
                where="m2.police", sort="not_estimable",
                sentence="All women extorted by police reported violence (separation).",
            ),
            Mark(
                where="m2.crude.country", sort="not_converged",
                sentence="The univariable fit did not converge.",
            ),
        ),
        question="Is violence by clients less common where sex work is regulated?",
    )  # fmt: skip


def caterpillar(numbers: Numbers, n: int = 60) -> GroupBlock:
    for i in range(n):
        mode = -1.1 + 2.2 * i / (n - 1) + 0.25 * math.sin(i)
        for name, value in (("", mode), (".low", mode - 0.6), (".high", mode + 0.6)):
            numbers.put(f"cat.v{i}.mode{name}", "mode", value, "decimal2", "log_odds")
        numbers.count(f"cat.v{i}.n", 4 + i % 9)
    return GroupBlock(
        key="cat",
        title="Venues’ departures from the average venue",
        model="m1",
        factor="venue",
        factor_label="Venue",
        groups=tuple(Group(key=f"v{i}", label=f"Venue {i + 1}") for i in range(n)),
    )


def checks(numbers: Numbers, n: int = 12) -> tuple[CheckBlock, ...]:
    """A check of each kind of model m1; the first two sites are what the gate may withhold."""
    sites = tuple(Group(key=f"s{i}", label=f"Site {i + 1}") for i in range(n))
    for i, site in enumerate(sites):
        expected = 30 + 50 * i / n
        observed = expected + 9 * math.sin(3 * i)
        for name, kind, value in (
            ("observed", "percent", observed), ("expected", "estimate", expected),
            ("low", "ci", expected - 8), ("high", "ci", expected + 10),
        ):  # fmt: skip
            numbers.put(f"cal.{site.key}.{name}", kind, value, "percent1", "percent")
        numbers.measure(f"inf.{site.key}", (1.6 + 0.02 * i, 1.3, 2.1, NAN))
        del numbers[f"inf.{site.key}.p"]
    for block, whole in (("cal", "groups"), ("qq", "quantiles")):
        numbers.put(f"{block}.{whole}", "constant", 12, "count")
        numbers.put(f"{block}.inside", "constant", 10, "count")
    items = tuple(Item(key=f"q{i}", label=f"{5 + 15 * i}%") for i in range(7))
    for i, item in enumerate(items):
        normal = -1.5 + 0.5 * i
        for name, kind, value in (
            ("value", "quartile", 1.1 * normal), ("normal", "constant", normal),
            ("low", "ci", normal - 0.1), ("high", "ci", normal + 0.2),
        ):  # fmt: skip
            numbers.put(f"qq.{item.key}.{name}", kind, value, "decimal2")
    for variable, shift in (("ps", 0.012), ("age", -0.31)):
        numbers.put(f"agq.{variable}.shift", "estimate", shift, "decimal3", "standard_deviations")
        numbers.put(f"lin.{variable}.p", "p_value", 0.32 + shift, "p")
        numbers.put(f"lin.{variable}.df", "constant", 2, "count")
        for i in range(7):
            numbers.put(f"lin.{variable}.x{i}.x", "constant", 20.0 + 5 * i, "decimal0")
            for name, kind, value in (
                ("line", "estimate", 1.2**i), ("curve", "estimate", 1.1**i),
                ("curve.low", "ci", 1.0**i), ("curve.high", "ci", 1.3**i),
            ):  # fmt: skip
                numbers.put(f"lin.{variable}.x{i}.{name}", kind, value, "ratio", "odds_ratio")
    numbers.put("agq.nodes", "constant", 25, "count")
    return check_blocks(sites, items)


def check_blocks(sites: tuple[Group, ...], items: tuple[Item, ...]) -> tuple[CheckBlock, ...]:
    labels = (("ps", "Peer support, per standard deviation"), ("age", "Age, per year"))
    level = TermLevel(key="", label="", term="ps")
    term = Term(variable="ps", label=labels[0][1], exposure=True, levels=(level,))
    site = {"model": "m1", "factor": "site", "factor_label": "Site", "groups": sites}
    curves = tuple(
        Curve(variable=v, label=w, positions=tuple(f"x{i}" for i in range(7)), reference="x0")
        for v, w in labels
    )
    return (
        CalibrationBlock(
            key="cal", title="Observed and expected", outcome_label="consistent condom use",
            percent=True, **site,
        ),
        ResidualBlock(key="qq", title="Residuals", model="m1", quantiles=items),
        InfluenceBlock(
            key="inf", title="Without each site", measure="or", exposure=term,
            method="profile likelihood", **site,
        ),
        ApproximationBlock(
            key="agq", title="Approximations", model="m1",
            rows=tuple(Item(key=v, label=w) for v, w in labels),
        ),
        LinearityBlock(
            key="lin", title="Lines and curves", model="m1", measure="or",
            outcome_label="consistent condom use", curves=curves, left_out=("Years here",),
        ),
    )  # fmt: skip


FITS = {
    "m1": FitRecord(
        key="m1",
        formula="condom ~ ps + age + place + origin + (1 | venue)",
        family="binomial", link="logit", method="agq", nobs=401, groups=(("venue", 60),),
        converged=True, singular=False, gradient=2.1e-6, min_eigenvalue=3.4, loglik=-251.3281,
        dropped=(("ps .r", 9), ("ps .m", 5), ("age", 2)), messages=(),
    ),
    "m1.null": FitRecord(
        key="m1.null", formula="condom ~ 1 + (1 | venue)",
        family="binomial", link="logit", method="agq", nobs=401, groups=(("venue", 60),),
        converged=True, singular=False, gradient=1.0e-6, min_eigenvalue=9.2, loglik=-266.8,
        dropped=(), messages=(),
    ),
    "m2": FitRecord(
        key="m2", formula="violence ~ country + deported + police + (1 | site)",
        family="binomial", link="logit", method="laplace", nobs=398, groups=(("site", 3),),
        converged=True, singular=True, gradient=4.0e-6, min_eigenvalue=0.1, loglik=-220.0,
        dropped=(), messages=("variance on its bound",),
    ),
}  # fmt: skip


def audit(numbers: Numbers) -> AuditBlock:
    """Two truths, and a usual method that finds associations where there are none."""
    rates = {
        "fitted": {"chosen": (95.1, 4.9, 81.0, 0.004), "gee_z": (88.0, 12.3, 90.2, -0.031)},
        "upper": {"chosen": (94.6, 5.2, 62.5, 0.01), "gee_z": (71.5, 28.1, 70.4, -0.05)},
    }
    base = "m1.support"
    for scenario, methods in rates.items():
        for method, values in methods.items():
            at = f"{base}.audit.{scenario}.{method}"
            for name, value in zip(("coverage", "type1", "power"), values[:3], strict=True):
                numbers.put(f"{at}.{name}", "simulated", value, "percent1", "percent")
                numbers.put(f"{at}.{name}.error", "simulated", 0.7, "percent1", "percent")
            numbers.put(f"{at}.bias", "simulated", values[3], "decimal3", "link")
            numbers.put(f"{at}.bias.error", "simulated", 0.006, "decimal3", "link")
            numbers.put(f"{at}.unanswered", "simulated", 1.0, "percent0", "percent")
            numbers.put(f"{at}.replicates", "constant", 1000, "count", "count")
    return AuditBlock(
        key="m1.audit",
        model="m1",
        title="Peer support and condom use",
        levels=(AuditLevel(label="Peer support", base=base),),
        scenarios=(
            Item(key="fitted", label="as fitted"),
            Item(key="upper", label="between-site variance at an intraclass correlation of 0.2"),
        ),
        methods=(
            Item(key="chosen", label="the method of this report"),
            Item(key="gee_z", label="GEE with robust z, as statsmodels prints"),
        ),
    )


def results(
    *, released: bool = False, hostile: bool = False, groups: int = 60, checked: int = 0
) -> Results:
    """The study; `checked` sites add a check of each kind to model m1."""
    numbers = Numbers()
    made = (
        flow(numbers), baseline(numbers), missing(numbers), quality(numbers),
        reliability(numbers), model(numbers), refused(numbers), caterpillar(numbers, groups),
        audit(numbers),
        *(checks(numbers, checked) if checked else ()),
    )  # fmt: skip
    blocks = {block.key: _poison(block) if hostile else block for block in made}
    text = HOSTILE if hostile else "Does peer support go with safer work?"
    clearance = Clearance(
        profile="standard", reason="default", threshold=6, rounding="midpoint-6", withheld=3,
        actions=("Countries with few women were merged into “other”.",),
    )  # fmt: skip
    return Results(
        analysis="border",
        title=HOSTILE if hostile else "Peer support and safer sex work at a border",
        synthetic=True,
        provenance="Synthetic study “border”, made by the program itself.",
        numbers=_withhold(numbers) if released else dict(numbers),
        blocks=blocks,
        fits=FITS,
        sentences=(("Question", text),),
        clearance=clearance if released else None,
    )


def _withhold(numbers: Numbers) -> dict[str, Number]:
    """What the gate might hide: a small cell, a term of the model, two venues."""
    hidden = (
        "t1.origin.nicaragua.a", "m1.place.street", "cat.v3", "cat.v7", "miss.hiv.refused",
        "cal.s0.", "cal.s1.", "inf.s0.", "inf.s1.", "qq.q0.value", "agq.age", "lin.age.x0",
    )  # fmt: skip
    return {
        at: dataclasses.replace(number, withheld="fewer than 6 women", value=NAN)
        if at.startswith(hidden)
        else number
        for at, number in numbers.items()
    }


def _poison(value: object) -> object:  # a block with markup in every label
    if isinstance(value, tuple):
        return tuple(_poison(v) for v in value)
    if not dataclasses.is_dataclass(value):
        return value
    words = {"label", "title", "message", "sentence", "outcome_label", "by_label", "reason"}
    words |= {"unit", "question", "factor_label", "skip_rule"}
    return dataclasses.replace(
        value,  # type: ignore[type-var]
        **{
            f.name: HOSTILE if f.name in words else _poison(getattr(value, f.name))
            for f in dataclasses.fields(value)
            if isinstance(getattr(value, f.name), str | tuple)
        },
    )
