"""Trino's functions, one table: name -> how DuckDB says it.

A template names its arguments {0}, {1}, … ({*} is all of them). In an aggregate, @ is where FILTER and
OVER belong; a plain aggregate needs none. What cannot be said in a template is a function of the
translator, named in ``BUILDERS`` of translate.py.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """One function of Trino."""

    template: str
    least: int  # arguments
    most: int | None = None  # None: any number
    aggregate: bool = False  # also window functions: FILTER and OVER follow it
    strings: tuple[int, ...] = ()  # arguments that must be varchar: DuckDB would cast anything


def _same(*names: str, arguments: tuple[int, int | None]) -> dict[str, Function]:
    return {name: Function(f"{name}({{*}})", *arguments) for name in names}


def _aggregates(*names: str, arguments: tuple[int, int | None]) -> dict[str, Function]:
    return {name: Function(f"{name}({{*}})@", *arguments, aggregate=True) for name in names}


FUNCTIONS: dict[str, Function] = {
    # Conditions
    **_same("coalesce", arguments=(1, None)),
    **_same("nullif", arguments=(2, 2)),
    "greatest": Function("CASE WHEN {or_null} THEN NULL ELSE greatest({*}) END", 1),
    "least": Function("CASE WHEN {or_null} THEN NULL ELSE least({*}) END", 1),
    # Numbers
    **_same("abs", "cbrt", "exp", "ln", "log2", "log10", "sqrt", "degrees", "radians", arguments=(1, 1)),
    **_same("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", arguments=(1, 1)),
    **_same("atan2", "mod", arguments=(2, 2)),
    **_same("pi", arguments=(0, 0)),
    "log": Function("log({0}, {1})", 2, 2),
    "e": Function("exp(1::DOUBLE)", 0, 0),
    "infinity": Function("CAST('Infinity' AS DOUBLE)", 0, 0),
    "nan": Function("CAST('NaN' AS DOUBLE)", 0, 0),
    "is_nan": Function("isnan({0})", 1, 1),
    "is_finite": Function("isfinite({0})", 1, 1),
    "is_infinite": Function("isinf({0})", 1, 1),
    "power": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2),
    "pow": Function("power(CAST({0} AS DOUBLE), {1})", 2, 2),
    "width_bucket": Function("trino_width_bucket({*})", 2, 4),
    "bitwise_and": Function("({0} & {1})", 2, 2),
    "bitwise_or": Function("({0} | {1})", 2, 2),
    "bitwise_xor": Function("xor({0}, {1})", 2, 2),
    "bitwise_not": Function("(~{0})", 1, 1),
    # Text
    **_same("lower", "upper", "length", arguments=(1, 1)),
    **_same("lpad", "rpad", "translate", arguments=(3, 3)),
    **_same("starts_with", "strpos", arguments=(2, 2)),
    **_same("concat_ws", arguments=(2, None)),
    "chr": Function("chr(CAST({0} AS INTEGER))", 1, 1),
    "codepoint": Function("unicode({0})", 1, 1, strings=(0,)),
    "replace": Function("replace({0}, {1}, {2})", 3, 3),
    "split": Function("str_split({0}, {1})", 2, 2, strings=(0,)),
    "split_part": Function("trino_split_part({0}, {1}, {2})", 3, 3, strings=(0,)),
    "substr": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "substring": Function("trino_substr({*})", 2, 3, strings=(0,)),
    "trim": Function("trino_trim({0})", 1, 1, strings=(0,)),
    "ltrim": Function("trino_ltrim({0})", 1, 1, strings=(0,)),
    "rtrim": Function("trino_rtrim({0})", 1, 1, strings=(0,)),
    "levenshtein_distance": Function("levenshtein({0}, {1})", 2, 2, strings=(0, 1)),
    "hamming_distance": Function("hamming({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_like": Function("regexp_matches({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_extract": Function("trino_regexp_extract({*})", 2, 3, strings=(0, 1)),
    "regexp_extract_all": Function("regexp_extract_all({*})", 2, 3, strings=(0, 1)),
    "regexp_replace": Function("trino_regexp_replace({*})", 2, 3, strings=(0, 1)),
    "regexp_split": Function("regexp_split_to_array({0}, {1})", 2, 2, strings=(0, 1)),
    "regexp_count": Function("len(regexp_extract_all({0}, {1}))", 2, 2, strings=(0, 1)),
    "to_utf8": Function("encode({0})", 1, 1, strings=(0,)),
    "from_utf8": Function("decode({0})", 1, 1),
    "to_hex": Function("hex({0})", 1, 1),
    "from_hex": Function("unhex({0})", 1, 1, strings=(0,)),
    "to_base64": Function("to_base64({0})", 1, 1),
    "from_base64": Function("from_base64({0})", 1, 1, strings=(0,)),
    "md5": Function("unhex(md5({0}))", 1, 1),
    "sha1": Function("unhex(sha1({0}))", 1, 1),
    "sha256": Function("unhex(sha256({0}))", 1, 1),
    "uuid": Function("uuid()", 0, 0),
    # Dates and times
    "now": Function("current_timestamp", 0, 0),
    "current_timestamp": Function("current_timestamp", 0, 1),  # with a precision, which is 3 anyway
    "localtimestamp": Function("localtimestamp", 0, 1),
    "date": Function("trino_date({0})", 1, 1),
    "to_unixtime": Function("epoch({0})", 1, 1),
    "last_day_of_month": Function("last_day({0})", 1, 1),
    "from_iso8601_date": Function("trino_to_date({0})", 1, 1, strings=(0,)),
    "to_iso8601": Function("trino_iso8601({0})", 1, 1),
    "from_unixtime": Function("to_timestamp({0})", 1, 1),
    # JSON
    "json_parse": Function("CAST({0} AS JSON)", 1, 1, strings=(0,)),
    "json_format": Function("CAST({0} AS VARCHAR)", 1, 1),
    "json_array_length": Function("CAST(json_array_length({0}) AS BIGINT)", 1, 1),
    # Arrays and maps
    "array_distinct": Function("trino_array_distinct({0})", 1, 1),
    "array_max": Function("trino_array_max({0})", 1, 1),
    "array_min": Function("trino_array_min({0})", 1, 1),
    "array_sort": Function("list_sort({0}, 'ASC', 'NULLS LAST')", 1, 1),
    "array_join": Function("array_to_string({0}, {1})", 2, 2),
    "array_position": Function("coalesce(list_position({0}, {1}), 0)", 2, 2),
    "array_remove": Function("list_filter({0}, lambda x: x <> {1})", 2, 2),
    "contains": Function("trino_contains({0}, {1})", 2, 2),
    "filter": Function("list_filter({0}, {1})", 2, 2),
    "transform": Function("list_transform({0}, {1})", 2, 2),
    "any_match": Function("coalesce(list_bool_or(list_transform({0}, {1})), false)", 2, 2),
    "all_match": Function("coalesce(list_bool_and(list_transform({0}, {1})), true)", 2, 2),
    "none_match": Function("NOT coalesce(list_bool_or(list_transform({0}, {1})), false)", 2, 2),
    "flatten": Function("flatten({0})", 1, 1),
    "slice": Function("trino_slice({0}, {1}, {2})", 3, 3),
    "repeat": Function("list_transform(range({1}), lambda i: {0})", 2, 2),
    "map": Function("map({*})", 0, 2),
    "map_keys": Function("map_keys({0})", 1, 1),
    "map_values": Function("map_values({0})", 1, 1),
    "map_entries": Function("map_entries({0})", 1, 1),
    "map_from_entries": Function("map_from_entries({0})", 1, 1),
    "map_concat": Function("map_concat({*})", 2),
    "row": Function("row({*})", 1),
    # Aggregates
    **_aggregates("min", "max", arguments=(1, 2)),
    **_aggregates("array_agg", "bool_and", "bool_or", "any_value", arguments=(1, 1)),
    **_aggregates("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop", arguments=(1, 1)),
    **_aggregates(
        "corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept", arguments=(2, 2)
    ),
    **_aggregates("kurtosis", "histogram", arguments=(1, 1)),
    "count": Function("count({*})@", 0, 1, aggregate=True),
    "every": Function("bool_and({0})@", 1, 1, aggregate=True),
    "arbitrary": Function("any_value({0})@", 1, 1, aggregate=True),
    "count_if": Function("count(CASE WHEN {0} THEN 1 END)@", 1, 1, aggregate=True),
    "geometric_mean": Function("geomean({0})@", 1, 1, aggregate=True),
    "max_by": Function("arg_max_null({0}, {1})@", 2, 2, aggregate=True),
    "min_by": Function("arg_min_null({0}, {1})@", 2, 2, aggregate=True),
    "bitwise_and_agg": Function("bit_and({0})@", 1, 1, aggregate=True),
    "bitwise_or_agg": Function("bit_or({0})@", 1, 1, aggregate=True),
    # Exact, which lies within the error that Trino promises.
    "approx_distinct": Function("count(DISTINCT {0})@", 1, 2, aggregate=True),
    "approx_percentile": Function("quantile_disc({0}, {1})@", 2, 2, aggregate=True),
    # Trino's skewness is the population's, DuckDB's is corrected for a sample.
    "skewness": Function(
        "(skewness({0})@ * (count({0})@ - 2) / sqrt(count({0})@ * (count({0})@ - 1.0)))",
        1, 1, aggregate=True,
    ),
    "map_agg": Function(
        "map_from_entries(list(row({0}, {1}))@)", 2, 2, aggregate=True
    ),
    "grouping": Function("grouping({*})", 1),
    # Windows
    **_aggregates("row_number", "rank", "dense_rank", "percent_rank", "cume_dist", arguments=(0, 0)),
    **_aggregates("ntile", "first_value", "last_value", arguments=(1, 1)),
    **_aggregates("lag", "lead", arguments=(1, 3)),
    **_aggregates("nth_value", arguments=(2, 2)),
}  # fmt: skip

# Parts of a date: function name and EXTRACT field -> DuckDB.
PARTS = {
    "year": "year({0})",
    "quarter": "quarter({0})",
    "month": "month({0})",
    "week": "week({0})",
    "week_of_year": "week({0})",
    "day": "day({0})",
    "day_of_month": "day({0})",
    "day_of_week": "isodow({0})",
    "dow": "isodow({0})",
    "day_of_year": "dayofyear({0})",
    "doy": "dayofyear({0})",
    "year_of_week": "isoyear({0})",
    "yow": "isoyear({0})",
    "hour": "hour({0})",
    "minute": "minute({0})",
    "second": "second({0})",
    "millisecond": "(millisecond({0}) % 1000)",
}
FUNCTIONS.update({name: Function(template, 1, 1) for name, template in PARTS.items()})

# Units of date_add, date_diff and date_trunc, and what makes an interval of n of them.
UNITS = {
    "millisecond": "to_milliseconds({0})",
    "second": "to_seconds({0})",
    "minute": "to_minutes({0})",
    "hour": "to_hours({0})",
    "day": "to_days(CAST({0} AS INTEGER))",
    "week": "to_weeks(CAST({0} AS INTEGER))",
    "month": "to_months(CAST({0} AS INTEGER))",
    "quarter": "to_months(CAST(3 * {0} AS INTEGER))",
    "year": "to_years(CAST({0} AS INTEGER))",
}

# Functions that read the clock on the wall: there `x AT TIME ZONE z` may stand for local time.
WALL_CLOCK = frozenset({"date", "date_format", "format_datetime", *PARTS})

# Functions of Trino that are not emulated: known, so that the message can say which of the two it is.
NOT_EMULATED = frozenset(
    [
        "all_match_with",
        "array_except_all",
        "array_frequency",
        "array_histogram",
        "array_intersect",
        "array_normalize",
        "approx_most_frequent",
        "approx_set",
        "bar",
        "beta_cdf",
        "bing_tile",
        "bit_count",
        "bitwise_left_shift",
        "bitwise_right_shift",
        "checksum",
        "classify",
        "color",
        "combinations",
        "cosine_similarity",
        "crc32",
        "current_timezone",
        "entropy",
        "evaluate_classifier_predictions",
        "features",
        "from_base",
        "from_base32",
        "from_big_endian_32",
        "from_big_endian_64",
        "from_geojson_geometry",
        "from_ieee754_32",
        "from_ieee754_64",
        "from_iso8601_timestamp_nanos",
        "hmac_md5",
        "hmac_sha1",
        "hmac_sha256",
        "hmac_sha512",
        "human_readable_seconds",
        "inverse_beta_cdf",
        "inverse_normal_cdf",
        "index",
        "is_json_scalar",
        "jaccard_index",
        "json_array_contains",
        "json_array_get",
        "json_exists",
        "json_query",
        "json_size",
        "json_value",
        "learn_classifier",
        "listagg",
        "luhn_check",
        "make_set_digest",
        "map_filter",
        "map_union",
        "map_zip_with",
        "merge",
        "merge_set_digest",
        "multimap_agg",
        "multimap_from_entries",
        "murmur3",
        "ngrams",
        "normal_cdf",
        "normalize",
        "numeric_histogram",
        "parse_data_size",
        "parse_duration",
        "parse_presto_data_size",
        "qdigest_agg",
        "quantile_at_value",
        "quantiles_at_values",
        "rand_seed",
        "reduce_agg",
        "regexp_position",
        "render",
        "rgb",
        "sha512",
        "shuffle",
        "soundex",
        "split_to_map",
        "split_to_multimap",
        "spooky_hash_v2_32",
        "spooky_hash_v2_64",
        "st_area",
        "st_contains",
        "st_distance",
        "st_point",
        "tdigest_agg",
        "timezone_hour",
        "timezone_minute",
        "to_base",
        "to_base32",
        "to_big_endian_32",
        "to_big_endian_64",
        "to_char",
        "to_date",
        "to_ieee754_32",
        "to_ieee754_64",
        "to_milliseconds",
        "to_timestamp",
        "transform_keys",
        "transform_values",
        "trim_array",
        "typeof",
        "url_decode",
        "url_encode",
        "url_extract_fragment",
        "url_extract_host",
        "url_extract_parameter",
        "url_extract_path",
        "url_extract_port",
        "url_extract_protocol",
        "url_extract_query",
        "value_at_quantile",
        "values_at_quantiles",
        "wilson_interval_lower",
        "wilson_interval_upper",
        "with_timezone",
        "word_stem",
        "xxhash64",
        "zip_with",
        "array_union",
        "array_except",
        "arrays_overlap",
    ]
)
