"""The models of a workflow file. No number is written here, only bounds: numbers live in the files.

What one key can say for itself is checked by these models; what takes several keys, by ``aws_ml.checks``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    PrivateAttr,
    Tag,
    model_validator,
)

from aws_ml import run
from aws_ml.problems import KeyPath, path_text

Cell = str | bool | int | float
ROW_ID = "row_id"  # what the cleaning job calls the rows of a workflow without a key
EVENT_TIME = "event_time"  # the feature that says when, where no column does
ColumnType = Literal["string", "integer", "number", "boolean", "timestamp", "date"]
Beyond = Literal["mitigate", "ask", "stop"]  # what follows beyond a bound on bias
SEVERITY: tuple[Beyond, ...] = ("mitigate", "ask", "stop")  # the mildest first

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]
InstanceType = Annotated[
    str,
    Field(pattern=r"^ml\.[a-z0-9-]+\.[a-z0-9-]+$", description="an instance type such as ml.m5.large"),
]


class Part(BaseModel):
    """What every part of a workflow file is: closed to unknown keys, strict about types, unchangeable."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Schedule(Part):
    """When the workflow runs by itself: one run per data interval, whose first day is the run key."""

    cron: str | None  # null: only when asked
    start: date
    timezone: str
    max_active_runs: Positive
    wait_hours: Annotated[float, Field(gt=0, le=168)]  # for the day's files; then the run fails


class Format(Part):
    """How the landing files are written."""

    type: Literal["csv"]
    header: bool  # false: columns come in the order in which the workflow lists them
    delimiter: Annotated[str, Field(min_length=1, max_length=1)]
    encoding: str
    skip_initial_space: bool
    missing: list[str]  # texts that stand for no value


class Column(Part):
    """One column of the landing files: its type and which values are believed."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9_]{0,62}$",
            description="a lower-case letter, then up to 62 of a-z, 0-9 and _ (Athena knows no others)",
        ),
    ]
    type: ColumnType
    required: bool = False  # a row without a value is quarantined
    minimum: int | float | None = None
    maximum: int | float | None = None
    allowed: Annotated[list[Cell], Field(min_length=1)] | None = None
    # Of a date or timestamp: strptime's formats and "iso", instead of ISO 8601 alone.
    formats: Annotated[list[str], Field(min_length=1)] | None = None
    # Of a number: what may stand between groups of three digits.
    thousands: Literal[",", "'", "\u2019", "_", " ", "\u00a0", "\u202f"] | None = None


class Label(Part):
    """What is to be predicted: rows whose label is among ``positive``."""

    column: str
    positive: Annotated[list[Cell], Field(min_length=1)]


class Data(Part):
    """What lands and what is believed of it."""

    format: Format
    key: str | None  # null: no natural key; the cleaning job adds row_id and drops no duplicates
    columns: Annotated[list[Column], Field(min_length=1)]
    label: Label
    max_quarantined_share: Share


class Band(Part):
    """Between which values a metric has to lie, ends included, and what follows beyond."""

    minimum: int | float | None = None
    maximum: int | float | None = None
    absolute: int | float | None = None  # instead of both: on either side of zero
    beyond: Beyond | None = None  # null: `bias.beyond`


class Ratio(Part):
    """How many times as far from zero as another number a metric may lie.

    Clarify's metrics before training are differences and distances: none of them is a ratio. What can be
    said as a ratio is how one lies to another number of the same group.
    """

    of: str  # `previous`: the same metric on the last accepted day before this one; or another metric
    maximum: Annotated[int | float, Field(gt=0, allow_inf_nan=False)]
    floor: Annotated[int | float, Field(ge=0, allow_inf_nan=False)]  # up to here any ratio is accepted
    beyond: Beyond | None = None  # null: `bias.beyond`


class Bounds(Band):
    """All that is demanded of one metric; the most severe of what follows counts."""

    further: list[Band] = []  # wider bands beyond which something more severe follows
    ratio: Ratio | None = None
    not_computable: Literal["ask", "stop"] | None = None  # null: `bias.not_computable`


class Facet(Part):
    """A group that may be disadvantaged: rows with one of ``values``, or strictly above ``threshold``."""

    column: str
    values: Annotated[list[Cell], Field(min_length=1)] | None = None
    threshold: int | float | None = None
    thresholds: dict[str, Bounds] = {}  # for this facet, instead of the workflow's


class Intersection(Part):
    """A group that belongs to several facets at once, e.g. women over sixty."""

    facets: Annotated[list[str], Field(min_length=2)]  # columns of ``bias.facets``
    thresholds: dict[str, Bounds] = {}  # for this group, instead of the workflow's


class Mitigation(Part):
    """What the mitigation job does to rows whose labels are biased, where the gate sends them there."""

    method: Literal["none", "reweighing", "resampling"]
    facets: Annotated[list[str], Field(min_length=1)] | None  # columns of ``bias.facets``; null: all of them


class Ask(Part):
    """How a person is asked about the measured bias."""

    users: list[str]  # who may answer, by Airflow's user id; empty: everyone who may act on the DAG
    timeout_hours: Annotated[float, Field(gt=0, le=168)]
    on_timeout: Literal["reject", "approve"]


class Bias(Part):
    """Which bias is measured before training, how, and what is acceptable."""

    engine: Literal["managed", "portable"]  # Clarify's image, or the same analysis in a plain processing job
    facets: Annotated[list[Facet], Field(min_length=1)]
    intersections: list[Intersection]  # only the portable engine can measure them
    group: str | None  # the groups within which CDDL compares
    metrics: Annotated[list[str], Field(min_length=1)]
    thresholds: dict[str, Bounds]
    beyond: Beyond  # what follows beyond a bound that says nothing itself
    not_computable: Literal["ask", "stop"]  # what follows when a bounded metric has no number
    still_beyond: Literal["ask", "stop"]  # what follows where mitigation was asked for, and was not enough
    ask: Ask
    mitigation: Mitigation
    image_version: str
    instance_type: InstanceType
    volume_gb: Annotated[int, Field(ge=1, le=16384)]
    max_runtime_seconds: Annotated[int, Field(ge=1, le=604800)]  # Clarify's limit


class Outliers(Part):
    """Which numbers lie far from the others."""

    iqr_factor: Annotated[float, Field(gt=0)]  # beyond a quartile by so many interquartile ranges
    z_score: Annotated[float, Field(gt=0)]  # from the mean by more than so many standard deviations


class Alerts(Part):
    """From where on the profile report points at something; shares are of the partition's rows."""

    missing_share: Share
    dominant_share: Share  # of the most frequent value: nearly constant
    categories: Positive  # more distinct values in a categorical column
    skewness: Annotated[float, Field(gt=0)]  # without its sign
    outlier_share: Share  # by either rule
    correlation: Share  # of two columns, without its sign
    leakage_auc: Annotated[float, Field(ge=0.5, le=1)]  # of the label told from this column alone
    near_duplicate_share: Share
    minority_share: Share  # of the rarer label: imbalance
    drift_psi: Annotated[float, Field(gt=0)]  # population stability index against the previous partition


class Profile(Part):
    """How the partition is explored and reported."""

    bins: Annotated[int, Field(ge=2, le=200)]  # of a histogram
    values: Annotated[int, Field(ge=1, le=10000)]  # most frequent values kept of a categorical column
    correlation_columns: Annotated[int, Field(ge=2, le=60)]  # more would not fit into one statement
    outliers: Outliers
    alerts: Alerts


class Cleaning(Part):
    """The Glue job that turns landing files into the curated partition."""

    engine: Literal["pythonshell", "spark"]  # one process, or a cluster; they make the same of the files
    python_version: Literal["3.9"]  # of pythonshell
    max_capacity: Annotated[float, Field(ge=0.0625, le=1)]  # DPU; a Python shell job has no other sizes
    glue_version: Literal["5.0", "5.1"]  # of spark, like the two below
    worker_type: Literal["G.1X", "G.2X", "G.4X", "G.8X", "G.12X", "G.16X"]
    workers: Annotated[int, Field(ge=2)]  # one is the driver's
    timeout_minutes: Annotated[int, Field(ge=1, le=2880)]
    max_concurrent_runs: Positive


class Quality(Part):
    """Rules of Glue Data Quality that a partition of clean rows must fulfil before bias is measured."""

    rules: list[str]  # DQDL, one rule an item; empty: every partition passes
    recommend: bool  # let Glue recommend rules from each partition, for a person to choose from
    workers: Annotated[int, Field(ge=1, le=299)]
    timeout_minutes: Annotated[int, Field(ge=1, le=2880)]


FlowName = Annotated[
    str | None,
    Field(pattern=r"^[A-Za-z0-9_-]+\.flow$", description="the name of a file in include/jobs/flows"),
]


class Wrangler(Part):
    """The Data Wrangler flow that makes an extract of the curated partition for analysis."""

    flow: FlowName  # null: no extract
    output_node: str  # the flow's node whose table is written
    content_type: Literal["CSV", "PARQUET"]
    image_version: str
    instance_type: InstanceType
    volume_gb: Annotated[int, Field(ge=1, le=16384)]
    max_runtime_seconds: Annotated[int, Field(ge=1, le=777600)]


ScaleName = Literal["none", "standard", "min_max", "robust", "quantile", "log"]
EncodeName = Literal["one_hot", "ordinal", "target", "hash"]
NumericImpute = Literal["median", "mean", "most_frequent", "refuse"]
CategoricalImpute = Literal["constant", "most_frequent", "refuse"]
Unseen = Literal["ignore", "refuse"]
RareShare = Annotated[float, Field(ge=0, lt=1)]
Buckets = Annotated[int, Field(ge=2, le=2500)]
Folds = Annotated[int, Field(ge=2, le=100)]
Smoothing = Annotated[float, Field(ge=0)]


class Split(Part):
    """Shares of the rows, by a hash of the entity and ``seed``, or by time: the oldest are learned from."""

    train: Annotated[float, Field(gt=0, lt=1)]
    validation: Annotated[float, Field(gt=0, lt=1)]
    test: Annotated[float, Field(gt=0, lt=1)]
    seed: str
    time: str | None  # a date or timestamp column; null: by hash


class Impute(Part):
    """What stands in for a missing value; constant is the category `missing`, refuse fails the row."""

    numeric: NumericImpute
    categorical: CategoricalImpute


class FeatureNote(Part):
    """What is told of one feature in the feature store."""

    description: Annotated[str, Field(min_length=1, max_length=255)]  # AWS's limit
    owner: Annotated[str, Field(min_length=1, max_length=255)] | None = None  # null: the workflow's


class FeatureStore(Part):
    """The feature group that keeps what is known of each entity at each time."""

    enabled: bool  # false: the feature job reads the accepted rows as they are
    group: Annotated[
        str | None,  # null: the workflow's name, with hyphens
        Field(
            pattern=r"^[a-zA-Z0-9]([-_]*[a-zA-Z0-9]){0,63}$",
            description="up to 64 letters, digits, - and _, a letter or digit at both ends",
        ),
    ]
    entity: str | None  # the column that says whose features they are; null: `data.key`, or row_id
    event_time: str | None  # the column that says since when they hold; null: the end of the partition's day
    features: Annotated[list[str], Field(min_length=1)] | None  # null: all columns but the label
    online: bool  # keep the newest record of each entity where the endpoint can read it
    ttl_hours: Positive | None  # how long after its event time a record stays online; null: forever
    offline_minutes: Positive  # how long written records may take to the offline store; then they are lost
    window_days: Annotated[int, Field(ge=1, le=3660)]  # days whose rows a run learns from, its own the last
    batch_size: Annotated[int, Field(ge=1, le=25)]  # records a call; AWS's limit
    parallel: Annotated[int, Field(ge=1, le=256)]  # calls at once
    notes: dict[str, FeatureNote]  # by feature


def _item(value: object) -> object:
    """A column's name alone stands for an item that says nothing else."""
    return {"column": value} if isinstance(value, str) else value


class OutlierRule(Part):
    """Which numbers of a feature are outliers, and what becomes of them."""

    by: Literal["iqr", "z_score", "quantiles", "bounds"]
    factor: Annotated[float, Field(gt=0)] | None = None  # of iqr and z_score
    lower: float | None = None  # of quantiles and bounds
    upper: float | None = None
    then: Literal["clip", "impute"] = "clip"  # it becomes the bound, or counts as absent


class NumericOptions(Part):
    """What may be said of a feature that is a number; null: what ``features`` says."""

    impute: NumericImpute | None = None
    fill: float | None = None  # instead of `impute`
    indicator: bool = False  # a further column that says where a value was absent
    outliers: OutlierRule | None = None
    scale: ScaleName | None = None


class CategoricalOptions(Part):
    """What may be said of a feature that is a text; null: what ``features`` says."""

    impute: CategoricalImpute | None = None
    fill: str | None = None  # instead of `impute`
    unseen: Unseen | None = None
    rare_share: RareShare | None = None
    encode: EncodeName | None = None
    order: Annotated[list[str], Field(min_length=1)] | None = None  # null: by alphabet
    smoothing: Smoothing | None = None  # of target
    folds: Folds | None = None  # of target
    buckets: Buckets | None = None  # of hash


class NumericFeature(NumericOptions):
    """A column that is a number."""

    column: str


class CategoricalFeature(CategoricalOptions):
    """A column that is a text, a whole number or a truth."""

    column: str


class Product(Part):
    """Two numeric features multiplied, after they were scaled."""

    product: Annotated[list[str], Field(min_length=2, max_length=2)]

    @model_validator(mode="before")
    @classmethod
    def _pair(cls, value: object) -> object:
        """Two names alone stand for their product."""
        if isinstance(value, dict) and "product" not in value:
            raise ValueError("[a, b], which is a product, or an item with `ratio` or `cross`")
        return {"product": value} if isinstance(value, list) else value


class RatioFeature(NumericOptions):
    """One column divided by another."""

    ratio: Annotated[list[str], Field(min_length=2, max_length=2)]


class CrossFeature(CategoricalOptions):
    """Categorical columns taken as one."""

    cross: Annotated[list[str], Field(min_length=2, max_length=4)]


def _interaction(value: object) -> str:
    """Which one an item is, by the key that it has. In parentheses, so that no key of a file is the same."""
    for kind in ("ratio", "cross"):
        if (isinstance(value, dict) and kind in value) or hasattr(value, kind):
            return f"({kind})"
    return "(product)"


Interaction = Annotated[
    Annotated[Product, Tag("(product)")]
    | Annotated[RatioFeature, Tag("(ratio)")]
    | Annotated[CrossFeature, Tag("(cross)")],
    Discriminator(_interaction),
]


class DateFeature(NumericOptions):
    """Parts of a date or time, each a number."""

    column: str
    parts: Annotated[
        list[Literal["year", "quarter", "month", "day", "day_of_year", "weekday", "weekend", "hour"]],
        Field(min_length=1),
    ]
    cyclic: bool = False  # sine and cosine of its place: December is next to January


class TextFeature(NumericOptions):
    """How long a text is."""

    column: str
    measures: Annotated[list[Literal["characters", "words", "digits"]], Field(min_length=1)]


class BinsFeature(CategoricalOptions):
    """In which interval a number lies."""

    column: str
    edges: Annotated[list[float], Field(min_length=1)] | None = None  # instead of `count`
    count: Annotated[int, Field(ge=2, le=200)] | None = None
    by: Literal["quantile", "width"] = "quantile"  # as many training rows in each, or each as wide


class Select(Part):
    """By which rule made columns are left out; null: none are."""

    minimum_variance: Annotated[float, Field(ge=0)] | None  # those that vary no more go
    maximum_correlation: Annotated[float, Field(gt=0, le=1)] | None  # of two more alike one goes
    top: Positive | None  # so many stay, the most telling
    keep: list[str]  # features or columns that stay in any case


class Encoders(Part):
    """What encoders need to know, unless a feature says it."""

    smoothing: Smoothing  # rows' worth of the overall rate in each category's
    folds: Folds  # a training row's rate comes from the other folds
    buckets: Buckets


class Features(Part):
    """What the model sees: numbers, ratios, dates, texts; products; categories, crosses, bins."""

    engine: Literal["processing", "data_wrangler"]  # what is declared here, or what a flow does
    flow: FlowName  # of data_wrangler
    output_node: str  # the flow's node whose table has the features
    split: Split
    impute: Impute
    outliers: OutlierRule | None
    scale: ScaleName
    encode: EncodeName
    unseen: Unseen  # what follows where a row has a value that no training row had
    rare_share: RareShare  # categories of a smaller share of training rows are gathered in one
    encoders: Encoders
    numeric: list[Annotated[NumericFeature, BeforeValidator(_item)]]
    categorical: list[Annotated[CategoricalFeature, BeforeValidator(_item)]]
    interactions: list[Interaction]
    dates: list[DateFeature]
    texts: list[TextFeature]
    bins: list[BinsFeature]
    select: Select

    @property
    def numbers(self) -> list[str]:
        """The columns that are numeric features themselves."""
        return [each.column for each in self.numeric]

    def references(self) -> Iterator[tuple[KeyPath, str]]:
        """Every column that is named, with its place in the file."""
        for kind in ("numeric", "categorical", "dates", "texts", "bins"):
            for index, each in enumerate(getattr(self, kind)):
                yield ("features", kind, index), each.column
        for index, each in enumerate(self.interactions):
            for name in parts_of(each):
                yield ("features", "interactions", index), name
        if self.split.time is not None:
            yield ("features", "split", "time"), self.split.time


def parts_of(interaction: Product | RatioFeature | CrossFeature) -> list[str]:
    """The columns that an interaction is made of."""
    match interaction:
        case Product(product=names) | RatioFeature(ratio=names) | CrossFeature(cross=names):
            return names


class Processing(Part):
    """Where the features and the evaluation are computed; the scripts run on one instance."""

    scikit_learn_version: str
    instance_type: InstanceType
    volume_gb: Annotated[int, Field(ge=1, le=16384)]
    max_runtime_seconds: Annotated[int, Field(ge=1, le=777600)]


class WatchingRule(Part):
    """One rule of SageMaker Debugger, and what follows when its condition is met."""

    # stop: the training ends at once; fail: the run ends after the training; warn: the log says so
    policy: Literal["stop", "fail", "warn"]
    parameters: dict[str, Cell] = Field(default_factory=dict)  # AWS's, by its names; the others have defaults


class Debugger(Part):
    """Who watches the training."""

    # Debugger beside the training; or the same rules over its model, where `stop` can but be `fail`
    engine: Literal["managed", "portable"]
    save_interval: Positive  # rounds between two that are saved
    start_round: Annotated[int, Field(ge=0)]  # predictions and importances of earlier ones are not judged
    rules: dict[str, WatchingRule | None]  # null: not this one; without rules nothing is saved

    @property
    def chosen(self) -> dict[str, WatchingRule]:
        """The rules that are to watch."""
        return {name: rule for name, rule in self.rules.items() if rule}

    @property
    def beside_training(self) -> bool:
        """Whether the training job itself is asked for rules."""
        return self.engine == "managed" and bool(self.chosen)


class Training(Part):
    """The XGBoost training job."""

    image_version: str
    instance_type: InstanceType
    instance_count: Positive
    volume_gb: Annotated[int, Field(ge=1, le=16384)]
    max_runtime_seconds: Annotated[int, Field(ge=1, le=2419200)]
    hyperparameters: dict[str, Cell]
    debugger: Debugger


class TunedRange(Part):
    """What a hyperparameter is tuned over: numbers from ``minimum`` to ``maximum``, or ``values``."""

    minimum: int | float | None = None
    maximum: int | float | None = None
    scale: Literal["Auto", "Linear", "Logarithmic", "ReverseLogarithmic"] = "Auto"
    values: Annotated[list[Cell], Field(min_length=1, max_length=30)] | None = None


class Completion(Part):
    """When a tuning job has done enough before its limits; null and false: it goes on to them."""

    target: int | float | None  # a value of the objective
    not_improving: Annotated[int, Field(ge=3)] | None  # training jobs in a row
    converged: bool  # when SageMaker finds that the objective has converged


class Resources(Part):
    """How many rounds Hyperband gives a training job."""

    minimum: Positive  # before that none is stopped
    maximum: Annotated[int, Field(ge=1, le=20000)] | None  # null: training.hyperparameters.num_round


class Tuning(Part):
    """The tuning job: XGBoost's training jobs, each with other hyperparameters."""

    strategy: Literal["Bayesian", "Random", "Hyperband", "Grid"]
    objective: str  # the metric on the validation split
    ranges: dict[str, TunedRange | None]  # instead of training.hyperparameters; null: not tuned
    max_jobs: Annotated[int, Field(ge=1, le=750)] | None  # null: as many as max_runtime_seconds allows
    parallel: Annotated[int, Field(ge=1, le=100)]
    max_runtime_seconds: Annotated[int, Field(ge=120, le=15768000)] | None  # of all together
    early_stopping: bool  # of training jobs that do worse than the median of those before
    complete: Completion
    hyperband: Resources
    warm_start: bool  # from the tuning job of the newest run before
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]


class Automl(Part):
    """The AutoML job: Autopilot on the raw training rows, within a budget of candidates and seconds."""

    mode: Literal["AUTO", "ENSEMBLING", "HYPERPARAMETER_TUNING"]  # AUTO: by the size of the data
    problem_type: Literal["BinaryClassification", "MulticlassClassification", "Regression"] | None
    objective: str | None  # what candidates are ranked by; null, with problem_type: Autopilot's choice
    algorithms: list[str]  # none: all of the mode
    max_candidates: Annotated[int, Field(ge=1, le=750)]
    max_runtime_seconds: Positive  # of the whole job; it then ends with the candidates that it has
    max_candidate_seconds: Positive | None  # null: no limit of its own


class Evaluation(Part):
    """What the model must reach on the held-out split."""

    metric: Literal["auc", "accuracy", "f1", "precision", "recall"]
    minimum: Share
    threshold: Share  # a score at or above it is called positive
    confidence: Annotated[float, Field(ge=0.5, lt=1)]  # of the intervals
    resamples: Annotated[int, Field(ge=100, le=10_000)]  # of the held-out rows, for the intervals


Candidates = Literal["baseline", "tuning", "all"]
"""The training job with the hyperparameters of `training`, the tuning job, or both."""


class Choice(Part):
    """Which models a run makes, and which of them is taken."""

    candidates: Candidates  # unless a run's form says otherwise
    margin: Annotated[float, Field(ge=0, le=1)]  # by how much the metric must be better than the champion's


class PartialDependence(Part):
    """How the mean score follows one column; the names are Clarify's."""

    # Buckets between a column's least and greatest value.
    grid_resolution: Annotated[int, Field(ge=2, le=100)]
    top_k_features: Annotated[int, Field(ge=1, le=50)]  # of so many columns, those that matter most


class Explainability(Part):
    """How the model's scores are explained; the names are Clarify's."""

    agg_method: Literal["mean_abs", "median", "mean_sq"]
    save_local_shap_values: bool
    most_rows: Positive
    seed: Annotated[int, Field(ge=0)]  # of the rows that are drawn
    pdp: PartialDependence


class Deployment(Part):
    """Where the model is served."""

    endpoint: Annotated[
        str,
        Field(
            pattern=r"^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$",
            description="up to 63 letters, digits and hyphens, no hyphen at either end",
        ),
    ]
    instance_type: InstanceType
    instance_count: Positive
    smoke_records: Annotated[int, Field(ge=1, le=100)]


class Retries(Part):
    """How often and after how long Airflow tries a task again."""

    attempts: Annotated[int, Field(ge=0)]
    delay_seconds: Annotated[int, Field(ge=0)]


class Polling(Part):
    """How often AWS is asked how far a job is."""

    seconds: Annotated[int, Field(ge=1)]


class Workflow(Part):
    """One workflow file, with the defaults merged in."""

    name: Annotated[
        str,
        Field(
            pattern=r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$",
            max_length=40,
            description="up to 40 lower-case letters, digits and single underscores, a letter first "
            "(it names a Glue database, S3 prefixes and jobs)",
        ),
    ]
    description: str
    owner: str
    schedule: Schedule
    data: Data
    bias: Bias
    cleaning: Cleaning
    wrangler: Wrangler
    quality: Quality
    profile: Profile
    feature_store: FeatureStore
    features: Features
    processing: Processing
    training: Training
    tuning: Tuning
    automl: Automl
    evaluation: Evaluation
    choice: Choice
    explainability: Explainability
    deployment: Deployment
    retries: Retries
    polling: Polling

    _origins: dict[tuple[str | int, ...], str] = PrivateAttr(default_factory=dict)

    @property
    def paths(self) -> run.Paths:
        """The S3 keys of one run, with Jinja texts where a value is known only at run time."""
        return run.Paths(self.name)

    @property
    def macros(self) -> dict[str, Callable[..., str]]:
        """``user_defined_macros`` of this workflow's DAGs."""
        return run.macros(self.name, self.schedule.timezone)

    def column(self, name: str) -> Column:
        """The column of that name; a workflow that was loaded names no other."""
        return next(column for column in self.data.columns if column.name == name)

    def facet(self, column: str) -> Facet:
        """The facet of that column; a workflow that was loaded names no other."""
        return next(facet for facet in self.bias.facets if facet.column == column)

    @property
    def feature_group(self) -> str:
        """The name of the workflow's feature group."""
        return self.feature_store.group or run.legal(self.name)

    @property
    def model_group(self) -> str:
        """The model package group in which the workflow's models are registered."""
        return run.legal(self.name)

    @property
    def entity(self) -> str:
        """The column whose values name the entities of the feature store."""
        return self.feature_store.entity or self.data.key or ROW_ID

    @property
    def event_time(self) -> str:
        """The feature that says since when a record holds, in seconds since 1970."""
        return self.feature_store.event_time or EVENT_TIME

    def stored_features(self) -> list[Column]:
        """The columns that are features of the group, in the file's order, besides entity and event time.

        The label is none, and neither is the row's own key: it says which row this is, not what the entity is
        like.
        """
        chosen = self.feature_store.features
        apart = (self.data.label.column, self.data.key, self.entity, self.event_time)
        return [
            column
            for column in self.data.columns
            if column.name not in apart and (chosen is None or column.name in chosen)
        ]

    def online_store(self) -> dict[str, str] | None:
        """Where the endpoint looks features up; None: nowhere."""
        if not (self.feature_store.enabled and self.feature_store.online):
            return None
        return {"group": self.feature_group, "event_time": self.event_time}

    def origin(self, *path: str | int) -> str:
        """Which file says the value at a key path, e.g. ``loan_approval.yaml: evaluation.minimum``."""
        return f"{self._origins.get(path, f'{self.name}.yaml')}: {path_text(path)}"

    def resolved(self) -> dict[str, Any]:
        """The whole file with its defaults as plain JSON: what ``config.json`` tells the jobs."""
        return self.model_dump(mode="json")

    def bias_bounds(self) -> list[dict[str, Any]]:
        """What the bias gate needs, as plain JSON: one entry per facet and metric, in the file's order.

        Intersections come after the facets, each as a facet of its own: ``sex & age``.

        ``{"facet", "group", "metric", "bands", "ratio", "not_computable"}``. A band is ``{"minimum",
        "maximum", "minimum_origin", "maximum_origin", "beyond"}``, the narrowest first; a ratio ``{"of",
        "maximum", "floor", "origin", "beyond"}`` or null. A bound that is not set, and its origin, are null.
        A facet's own thresholds replace the workflow's, metric by metric.
        """
        measured: list[tuple[str, str, dict[str, Bounds], KeyPath]] = [
            (facet.column, facet_text(facet), facet.thresholds, ("facets", index))
            for index, facet in enumerate(self.bias.facets)
        ]
        measured += [
            (
                " & ".join(both.facets),  # as the portable engine names it in analysis.json
                " and ".join(facet_text(self.facet(column)) for column in both.facets),
                both.thresholds,
                ("intersections", index),
            )
            for index, both in enumerate(self.bias.intersections)
        ]
        entries = []
        for name, group, thresholds, place in measured:
            for metric in self.bias.metrics:
                bounds = thresholds.get(metric) or self.bias.thresholds.get(metric, Bounds())
                own: KeyPath = place if metric in thresholds else ()
                path: KeyPath = ("bias", *own, "thresholds", metric)
                entries.append(
                    {
                        "facet": name,
                        "group": group,
                        "metric": metric,
                        "bands": self._bands(bounds, path),
                        "ratio": self._ratio(bounds.ratio, (*path, "ratio")),
                        "not_computable": bounds.not_computable or self.bias.not_computable,
                    }
                )
        return entries

    def _bands(self, bounds: Bounds, path: KeyPath) -> list[dict[str, Any]]:
        places = [(bounds, path), *((band, (*path, "further", i)) for i, band in enumerate(bounds.further))]
        entries = []
        for band, place in places:
            entry: dict[str, Any] = {}
            for end, value in zip(("minimum", "maximum"), ends(band), strict=True):
                key = end if band.absolute is None else "absolute"
                entry[end] = value
                entry[f"{end}_origin"] = None if value is None else self.origin(*place, key)
            if any(end is not None for end in ends(band)):
                entries.append({**entry, "beyond": band.beyond or self.bias.beyond})
        return entries

    def _ratio(self, ratio: Ratio | None, path: KeyPath) -> dict[str, Any] | None:
        if ratio is None:
            return None
        beyond = ratio.beyond or self.bias.beyond
        return {**ratio.model_dump(), "origin": self.origin(*path, "maximum"), "beyond": beyond}


def ends(band: Band) -> tuple[int | float | None, int | float | None]:
    """The least and the greatest value that a band allows; None: any."""
    return (band.minimum, band.maximum) if band.absolute is None else (-band.absolute, band.absolute)


def facet_text(facet: Facet) -> str:
    """The facet in words: ``sex = female`` or ``age > 60``."""
    if facet.values is None:
        return f"{facet.column} > {facet.threshold}"
    return f"{facet.column} = {' or '.join(str(value) for value in facet.values)}"
