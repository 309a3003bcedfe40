"""One case or more for every operator: what goes in, and what comes out by hand arithmetic.

Where the numbers come from elsewhere, the case says so. Spark's words for its functions are at
https://spark.apache.org/docs/3.5.1/api/sql/ .
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any


@dataclass(frozen=True)
class Case:
    """One use of an operator."""

    operator: str
    parameters: Mapping[str, Any]
    given: Any  # columns, or a list of such for several tables
    made: Mapping[str, list[Any]]
    output: str = "default"
    outputs: tuple[str, ...] = ("default",)

    @property
    def tables(self) -> list[Mapping[str, Any]]:
        return self.given if isinstance(self.given, list) else [self.given]


def family(operator: str, value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    """Operator and parameters of one choice of a family, beside what the UI leaves of another choice."""
    return operator, {"operator": value, group: parameters}


def columns(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("manage_columns_0.1", value, group, **parameters)


def moving(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return columns("Move column", "move_column_parameters", move_type=value, **{group: parameters})


def strings(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("format_string_0.1", value, group, **{"input_column": "a", **parameters})


def edit(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("search_and_edit_0.1", value, group, **{"input_column": "a", **parameters})


def missing(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("handle_missing_0.1", value, group, **parameters)


def impute(column_type: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return missing("Impute", "impute_parameters", column_type=column_type, **{group: parameters})


def outliers(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("handle_outliers_0.1", value, group, **{"input_column": "a", **parameters})


def scaler(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family(
        "process_numeric_0.1",
        "Scale values",
        "scale_values_parameters",
        scaler=value,
        **{group: {"input_column": "a", **parameters}},
    )


def rows(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("manage_rows_0.1", value, group, **parameters)


def encode(value: str, group: str, **parameters: Any) -> tuple[str, dict[str, Any]]:
    return family("encode_categorical_0.1", value, group, **{"input_column": "a", **parameters})


HALVES = [{"name": "Train", "percentage": 0.5}, {"name": "Test", "percentage": 0.5}]
ABC = {"a": [1], "b": [2], "c": [3]}
TWO = ("Train", "Test")
MORNING, MIDNIGHT, MOMENT = (
    datetime.fromisoformat(text) for text in ("2026-01-15T06:00", "2026-01-16", "2026-01-15T06:07:08")
)
NUMBERS = [1.0, 2.0, 3.0, 4.0, 100.0]
# Mean 22, deviations -21, -20, -19, -18, 78: squares 441 + 400 + 361 + 324 + 6084 = 7610, by 4 1902.5,
# standard deviation 43.617656...
STD = 1902.5**0.5

CASES = [
    # --- types: Spark's CAST cuts fractions off texts, and has no value where it fails
    Case("infer_and_cast_type_0.1", {},
         {"n": ["1", "2", " 3 "], "f": ["1.5", "2", "x"], "t": ["a", "2", None],
          "b": ["true", "FALSE", "true"],
          "d": ["2026-01-15", "2026-01-16", "2026-01-17"], "w": ["2026-01-15T06:00:00", "2026-01-16", None]},
         {"n": [1, 2, 3], "f": ["1.5", "2", "x"], "t": ["a", "2", None], "b": [True, False, True],
          "d": [date(2026, 1, 15), date(2026, 1, 16), date(2026, 1, 17)],
          "w": [MORNING, MIDNIGHT, None]}),
    Case("infer_and_cast_type_0.1", {},
         {"f": ["1.5", "2", "2.5", "1e2", ".5", "x"], "l": ["1", "2", "3", "4", "5", "6.7"]},
         {"f": [1.5, 2.0, 2.5, 100.0, 0.5, None], "l": [1, 2, 3, 4, 5, 6]}),
    Case("cast_single_data_type_0.1", {"column": "a", "data_type": "long", "original_data_type": "String"},
         {"a": ["1", "-2.9", "+3", "x", None, "9223372036854775808"]}, {"a": [1, -2, 3, None, None, None]}),
    Case("cast_single_data_type_0.1", {"column": "a", "data_type": "date"},
         {"a": ["15-01-2026", "2026-01-15"]}, {"a": [date(2026, 1, 15), None]}),
    Case("cast_single_data_type_0.1",
         {"column": "a", "data_type": "float", "replace_value": "0",
          "non_castable_data_handling_method": "replace_value_with_new_col"},
         {"a": ["1", "x"], "b": [1, 2]}, {"a": [1.0, 0.0], "a_typecast_error": ["", "x"], "b": [1, 2]}),
    Case("cast_single_data_type_0.1",
         {"column": "a", "data_type": "long", "non_castable_data_handling_method": "drop"},
         {"a": ["foo", "bar", "1"], "id": [1, 2, 3]}, {"a": [1], "id": [3]}),
    Case("cast_single_data_type_0.1", {"column": "a", "data_type": "string"},
         {"a": [1.0, 2.5, 1e20, None]}, {"a": ["1.0", "2.5", "1e+20", None]}),
    Case("cast_single_data_type_0.1", {"column": "a", "data_type": "long"},
         {"a": [1.9, -1.9, None, 1e30]}, {"a": [1, -1, None, None]}),
    # --- manage columns
    Case(*columns("Drop column", "drop_column_parameters", column_to_drop=["a", "c"]), ABC, {"b": [2]}),
    Case(*columns("Duplicate column", "duplicate_column_parameters", input_column="a", new_name="d"),
         ABC, {**ABC, "d": [1]}),
    Case(*columns("Rename column", "rename_column_parameters", input_column="b", new_name="<b> é"),
         ABC, {"a": [1], "<b> é": [2], "c": [3]}),
    Case(*columns("Rename column", "rename_column_parameters",
                  columns_to_rename=[{"input_column": "a", "new_name": "x"}], input_column="b", new_name="y"),
         ABC, {"x": [1], "y": [2], "c": [3]}),
    Case(*moving("Move to start", "move_to_start_parameters", column_to_move="c"), ABC,
         {"c": [3], "a": [1], "b": [2]}),
    Case(*moving("Move to end", "move_to_end_parameters", column_to_move=["b", "a"]), ABC,
         {"c": [3], "a": [1], "b": [2]}),
    Case(*moving("Move to index", "move_to_index_parameters", column_to_move="a", index="1"), ABC,
         {"b": [2], "a": [1], "c": [3]}),
    Case(*moving("Move after", "move_after_parameters", column_to_move="a", target_column="b"), ABC,
         {"b": [2], "a": [1], "c": [3]}),
    Case(*moving("Move before", "move_before_parameters", column_to_move="c", target_column="b"), ABC,
         {"a": [1], "c": [3], "b": [2]}),
    Case(*columns("Concatenate columns", "concat_columns_parameters", left_column="a", right_column="b"),
         {"a": [1, 2], "b": ["x", None]}, {"a": [1, 2], "b": ["x", None], "a_b": ["1_x", "2"]}),
    # --- manage rows: in Spark, missing values come first ascending and last descending
    Case(*rows("Sort", "sort_parameters", sort_by="a", order="Ascending"),
         {"a": [2, None, 1], "b": [1, 2, 3]}, {"a": [None, 1, 2], "b": [2, 3, 1]}),
    Case(*rows("Sort", "sort_parameters",
               conditions=[{"sort_by": "a", "order": "Descending"}, {"sort_by": "b", "order": "Ascending"}]),
         {"a": ["x", "y", "x", None], "b": [2.0, 1.0, 1.0, 0.0]},
         {"a": ["y", "x", "x", None], "b": [1.0, 1.0, 2.0, 0.0]}),
    Case(*rows("Shuffle", "shuffle_parameters"), {"a": [1]}, {"a": [1]}),
    Case(*rows("Drop duplicates", "drop_duplicates_parameters"),
         {"a": [1, 1, None, None, 1], "b": ["x", "x", "y", "y", "y"]},
         {"a": [1, None, 1], "b": ["x", "y", "y"]}),
    Case(*rows("Drop empty", "drop_empty_parameters"),
         {"a": [1, None, None], "b": ["x", None, "y"]}, {"a": [1, None], "b": ["x", "y"]}),
    # --- handle missing: the mean of 1, 2, 5 is 2.67, of which integers keep 2; the median is a value
    Case(*impute("Numeric", "numeric_parameters", input_column="a", strategy="Mean"),
         {"a": [1, 2, None, 5]}, {"a": [1, 2, 2, 5]}),
    Case(*impute("Numeric", "numeric_parameters", input_column=["a"], output_column="b",
                 strategy="Approximate Median"),
         {"a": [4.0, 1.0, None, 2.0, 3.0]},
         {"a": [4.0, 1.0, None, 2.0, 3.0], "b": [4.0, 1.0, 2.0, 2.0, 3.0]}),
    Case(*impute("Categorical", "categorical_parameters", input_column=["a", "b"]),
         {"a": ["y", " ", "x", "y"], "b": ["q", None, "p", ""]},
         {"a": ["y", "y", "x", "y"], "b": ["q", "p", "p", "p"]}),
    Case(*missing("Fill missing", "fill_missing_parameters", input_column=["a", "b"], fill_value="0"),
         {"a": [1, None], "b": ["", "x"]}, {"a": [1, 0], "b": ["0", "x"]}),
    Case(*missing("Add indicator for missing", "add_indicator_for_missing_parameters", input_column="a"),
         {"a": [1.5, None]}, {"a": [1.5, None], "a_indicator": [False, True]}),
    Case(*missing("Drop missing", "drop_missing_parameters", input_column=["a"]),
         {"a": [1, None, 3], "b": [None, 2, 3]}, {"a": [1, 3], "b": [None, 3]}),
    Case(*missing("Drop missing", "drop_missing_parameters", dimension="Drop Rows", drop_rows_parameters={}),
         {"a": ["x", " ", "z"], "b": [None, 2, 3]}, {"a": ["z"], "b": [3]}),
    # --- handle outliers
    Case(*outliers("Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters",
                   standard_deviations=1, fix_method="Clip"),
         {"a": NUMBERS}, {"a": [1.0, 2.0, 3.0, 4.0, 22 + STD]}),
    Case(*outliers("Standard deviation numeric outliers", "standard_deviation_numeric_outliers_parameters",
                   standard_deviations=1, fix_method="Remove"),
         {"a": [1, 2, 3, 4, 100, None], "b": [1, 2, 3, 4, 5, 6]}, {"a": [1, 2, 3, 4], "b": [1, 2, 3, 4]}),
    # Between the quartiles 2 and 4 lie 2, 3, 4: mean 3, deviation 1.
    Case(*outliers("Robust standard deviation numeric outliers",
                   "robust_standard_deviation_numeric_outliers_parameters",
                   standard_deviations=1.5, fix_method="Invalidate", output_column="b"),
         {"a": NUMBERS}, {"a": NUMBERS, "b": [None, 2.0, 3.0, 4.0, None]}),
    Case(*outliers("Quantile numeric outliers", "quantile_numeric_outliers_parameters",
                   lower_quantile=0.3, upper_quantile=0.8),
         {"a": NUMBERS}, {"a": [2.0, 2.0, 3.0, 4.0, 4.0]}),
    Case(*outliers("Min-max numeric outliers", "min_max_numeric_outliers_parameters",
                   lower_threshold=2, upper_threshold=50, fix_method="Invalidate"),
         {"a": [1, 2, 60]}, {"a": [None, 2, None]}),
    Case(*outliers("Replace rare values", "replace_rare_values_parameters", replacement_string="other",
                   absolute_threshold=1, fraction_threshold=0.1, max_common_categories=1),
         {"a": ["x", "x", "x", "y", "y", "z", None]},
         {"a": ["x", "x", "x", "other", "other", "other", "other"]}),
    # --- process numeric: of 1, 2, 3 the deviation is 1; of 0, 0, 3, 3, 3 the quartiles are 0 and 3
    Case(*scaler("Standard scaler", "standard_scaler_parameters", center=True),
         {"a": [2.0, 4.0, 6.0, None]}, {"a": [-1.0, 0.0, 1.0, None]}),
    Case(*scaler("Standard scaler", "standard_scaler_parameters"), {"a": [2, 4, 6]}, {"a": [1.0, 2.0, 3.0]}),
    Case(*scaler("Robust scaler", "robust_scaler_parameters", center=True),
         {"a": [0.0, 0.0, 3.0, 3.0, 9.0]}, {"a": [-1.0, -1.0, 0.0, 0.0, 2.0]}),
    Case(*scaler("Min-max scaler", "min_max_scaler_parameters", min=-1, max=1),
         {"a": [0, 5, 10, None]}, {"a": [-1.0, 0.0, 1.0, None]}),
    Case(*scaler("Min-max scaler", "min_max_scaler_parameters"), {"a": [7, 7]}, {"a": [0.5, 0.5]}),
    Case(*scaler("Max absolute scaler", "max_absolute_scaler_parameters", output_column="b"),
         {"a": [-4.0, 2.0]}, {"a": [-4.0, 2.0], "b": [-1.0, 0.5]}),
    # --- encode: most frequent first, then by the alphabet, as Spark's StringIndexer
    Case(*encode("Ordinal encode", "ordinal_encode_parameters", invalid_handling_strategy="Replace with NaN"),
         {"a": ["y", "x", "z", "y", None]}, {"a": [0.0, 1.0, 2.0, 0.0, None]}),
    Case(*encode("Ordinal encode", "ordinal_encode_parameters", invalid_handling_strategy="Keep",
                 output_column="b"),
         {"a": ["y", None]}, {"a": ["y", None], "b": [0.0, 1.0]}),
    Case(*encode("Ordinal encode", "ordinal_encode_parameters", invalid_handling_strategy="Skip"),
         {"a": ["y", None], "b": [1, 2]}, {"a": [0.0], "b": [1]}),
    Case(*encode("One-hot encode", "one_hot_encode_parameters", invalid_handling_strategy="Keep",
                 drop_last=False, output_style="Columns"),
         {"a": ["y", "x", "y", None, ""], "b": [1, 2, 3, 4, 5]},
         {"b": [1, 2, 3, 4, 5], "a_y": [1.0, 0.0, 1.0, 0.0, 0.0], "a_x": [0.0, 1.0, 0.0, 0.0, 0.0]}),
    Case(*encode("One-hot encode", "one_hot_encode_parameters", output_style="Columns", output_column="o"),
         {"a": [2, 1, 2]}, {"a": [2, 1, 2], "o_2": [1.0, 0.0, 1.0]}),
    Case(*encode("One-hot encode", "one_hot_encode_parameters", drop_last=False),
         {"a": ["y", "x", "y"]}, {"a": ["(2,[0],[1.0])", "(2,[1],[1.0])", "(2,[0],[1.0])"]}),
    Case(*encode("One-hot encode", "one_hot_encode_parameters", invalid_handling_strategy="Skip",
                 input_already_ordinal_encoded=True, drop_last=False, output_style="Columns"),
         {"a": [1.0, None, 0.0]}, {"a_0": [0.0, 1.0], "a_1": [1.0, 0.0]}),
    # --- balance: ratio 0.75 of 4 rows is 3, one more than 2; 2 by 0.75 is 2.67, so 3 rows of 4 stay
    Case("balance_data_0.1", {"operator": "Random oversample", "target_column": "t", "ratio": 1},
         {"t": ["n", "n", "y"], "a": [1, 2, 3]}, {"t": ["n", "n", "y", "y"], "a": [1, 2, 3, 3]}),
    Case("balance_data_0.1", {"operator": "Random undersample", "target_column": "t", "ratio": 1},
         {"t": ["n", "y", "n"], "a": [7, 3, 7]}, {"t": ["n", "y"], "a": [7, 3]}),
    # --- split
    Case("split_0.1", {"operator": "Ordered split", "ordered_split_parameters": {"splits": HALVES}},
         {"a": [4, 3, 2, 1]}, {"a": [2, 1]}, "Test", TWO),
    Case("split_0.1", {"operator": "Ordered split",
                       "ordered_split_parameters": {"splits": HALVES, "input_column": "a", "error": 0.0001}},
         {"a": [4, 3, 2, 1]}, {"a": [2, 1]}, "Train", TWO),
    Case("split_0.1", {"operator": "Randomized split", "randomized_split_parameters": {"splits": HALVES}},
         {"a": [1, 1, 1, 1]}, {"a": [1, 1]}, "default", TWO),
    Case("split_0.1", {"operator": "Stratified split",
                       "stratified_split_parameters": {"splits": HALVES, "input_column": "a"}},
         {"a": ["x", "y", "x", None, "y", None]}, {"a": ["x", "y", None]}, "Test", TWO),
    Case("split_0.1", {"operator": "Split by key",
                       "split_by_key_parameters": {"splits": HALVES, "key_columns": ["a"]}},
         {"a": [1, 1, 2, 2]}, {"a": [2, 2]}, "Train", TWO),  # which key comes first follows from its hash
    # --- join, concatenate
    Case("join_tables_0.1", {"left_column": "id", "right_column": "id", "join_type": "inner"},
         [{"id": [1, 2, None], "a": ["x", "y", "z"]}, {"id": [2, None, 2], "b": [1.5, 2.5, 3.5]}],
         {"id_0": [2, 2], "a": ["y", "y"], "id_1": [2, 2], "b": [1.5, 3.5]}),
    Case("join_multi_keys_0.1",
         {"join_keys": [{"left": "i", "right": "j"}, {"left": "k", "right": "k"}], "join_type": "outer"},
         [{"i": [1, 1], "k": ["a", "b"]}, {"j": [1, 2], "k": ["b", "b"]}],
         {"i": [1, 1, None], "k_0": ["a", "b", None], "j": [None, 1, 2], "k_1": [None, "b", "b"]}),
    Case("concatenate_0.1", {"remove_duplicates": True, "indicator_column": "from"},
         [{"a": [1, 1], "b": ["x", "x"]}, {"b": ["x"], "a": [1]}],
         {"a": [1, 1], "b": ["x", "x"], "from": [0, 1]}),
    # --- formula and code
    Case("custom_formula_0.1", {"formula": "0.3*valence + 0.1*liveness + 0.1*energy", "output_column": "d"},
         {"valence": [1.0], "liveness": [2.0], "energy": [3.0]},
         {"valence": [1.0], "liveness": [2.0], "energy": [3.0], "d": [0.8]}),
    Case("custom_pandas_0.1", {"code": "df['b'] = df['a'].str.upper()\ndf['c'] = 1"},
         {"a": ["x", None]}, {"a": ["x", None], "b": ["X", None], "c": [1, 1]}),
    Case("custom_code_0.1", {"operator": "Python (Pandas)", "pandas_parameters": {"code": "df = df * 2"}},
         {"a": [1, 2]}, {"a": [2, 4]}),
    Case("custom_code_0.1",
         {"operator": "SQL (PySpark SQL)",
          "sql_parameters": {"code": "SELECT b, count(*) AS n, avg(a) AS m FROM df GROUP BY b ORDER BY b;"}},
         {"a": [1, 2, 6], "b": ["x", "y", "y"]}, {"b": ["x", "y"], "n": [1, 2], "m": [1.0, 4.0]}),
    # --- format string
    Case(*strings("Lower case", "lower_case_parameters"), {"a": ["AÉ", None]}, {"a": ["aé", None]}),
    Case(*strings("Upper case", "upper_case_parameters"), {"a": ["aé"]}, {"a": ["AÉ"]}),
    Case(*strings("Title case", "title_case_parameters"), {"a": ["the end"]}, {"a": ["The End"]}),
    Case(*strings("Capitalize", "capitalize_parameters"), {"a": ["the END"]}, {"a": ["The end"]}),
    Case(*strings("Swap case", "swap_case_parameters"), {"a": ["aB"]}, {"a": ["Ab"]}),
    Case(*strings("Left pad", "left_pad_parameters", width=3, fill_character="*"), {"a": ["a", "abcd"]},
         {"a": ["**a", "abc"]}),
    Case(*strings("Right pad", "right_pad_parameters", width="3"), {"a": ["a", "abcd"]},
         {"a": ["a  ", "abc"]}),
    Case(*strings("Center (pad on either side)", "center_pad_on_either_side_parameters", width=4,
                  fill_character="-"), {"a": ["ab"]}, {"a": ["-ab-"]}),
    Case(*strings("Strip characters from left", "strip_characters_from_left_parameters",
                  characters_to_remove="x"), {"a": ["xxax"]}, {"a": ["ax"]}),
    Case(*strings("Strip characters from right", "strip_characters_from_right_parameters",
                  characters_to_remove="x"), {"a": ["xxax"]}, {"a": ["xxa"]}),
    Case(*strings("Strip left and right", "strip_left_and_right_parameters"), {"a": [" a "]}, {"a": ["a"]}),
    Case(*strings("Prepend zeros", "prepend_zeros_parameters", width=3), {"a": [7]}, {"a": ["007"]}),
    Case(*strings("Add prefix", "add_prefix_parameters", prefix="<b>"), {"a": ["x"]}, {"a": ["<b>x"]}),
    Case(*strings("Add suffix", "add_suffix_parameters", suffix="!", output_column="b"), {"a": [1]},
         {"a": [1], "b": ["1!"]}),
    Case(*strings("Remove symbols", "remove_symbols_parameters", symbols="!@#$%^&*()_+=-/\\`~{}|<>?"),
         {"a": ["a-b_(c)\\"]}, {"a": ["abc"]}),
    # --- search and edit
    Case(*edit("Find and replace substring", "find_and_replace_substring_parameters", pattern="(\\d+)-(\\d+)",
               replacement="$2/$1"), {"a": ["10-20", "x", None]}, {"a": ["20/10", "x", None]}),
    Case(*edit("Split string by delimiter", "split_string_by_delimiter_parameters", delimiter=".", limit=2),
         {"a": ["a.b.c", None]}, {"a": [["a", "b.c"], None]}),
    Case(*edit("Find substring", "find_substring_parameters", needle="b"), {"a": ["abb", "x", None]},
         {"a": [1.0, -1.0, None]}),
    Case(*edit("Find substring (from right)", "find_substring_from_right_parameters", needle="b",
               end_index=2), {"a": ["abb"]}, {"a": [1.0]}),
    Case(*edit("Matches", "matches_parameters", pattern="A", case=False), {"a": ["ab", "ba", None]},
         {"a": [True, False, None]}),
    Case(*edit("Find all occurrences", "find_all_occurrences_parameters", pattern="\\d"), {"a": ["1a2", "x"]},
         {"a": [["1", "2"], []]}),
    Case(*edit("Extract using regex", "extract_using_regex_parameters", pattern="(\\d+)-(\\d+)", index=2),
         {"a": ["100-200", "x"]}, {"a": ["200", ""]}),  # Spark's regexp_extract('100-200', …) has 100 and 200
    Case(*edit("Extract between delimiters", "extract_between_delimiters_parameters", left_delimiter="[",
               right_delimiter="]"), {"a": ["x[1]y[2]", "x"]}, {"a": ["1]y[2", ""]}),
    Case(*edit("Extract from position", "extract_from_position_parameters", start_position=5, length=1),
         {"a": ["Spark SQL"]}, {"a": ["k"]}),  # Spark's own example of substring
    Case(*edit("Extract from position", "extract_from_position_parameters", start_position=-3, length=2),
         {"a": ["Spark SQL", "x"]}, {"a": ["SQ", ""]}),
    Case(*edit("Replace between delimiters", "replace_between_delimiters_parameters", left_delimiter="(",
               right_delimiter=")", replacement="?"), {"a": ["f(x)", "y"]}, {"a": ["f(?)", "y"]}),
    Case(*edit("Replace from position", "replace_from_position_parameters", start_position=2, length=2,
               replacement="-"), {"a": ["abcd"]}, {"a": ["a-d"]}),
    Case(*edit("Convert regex to missing", "convert_regex_to_missing_parameters", pattern="n/?a"),
         {"a": ["na", "n/a", "nab"]}, {"a": [None, None, "nab"]}),
    Case(*edit("Convert non-matches to missing", "convert_non_matches_to_missing_parameters", pattern="\\d+"),
         {"a": ["12", "1x"]}, {"a": ["12", None]}),
    # --- dates: 2026-01-15 is a Thursday of week 3, day 15 of the year
    Case("featurize_date_time_0.1",
         {"operator": "Extract columns",
          "extract_columns_parameters": {
              "input_column": "a", "output_mode": "Ordinal", "output_format": "Columns", "year": True,
              "month": True, "day": True, "hour": True, "minute": True, "second": True, "week_of_year": True,
              "day_of_year": True, "quarter": True}},
         {"a": [MOMENT, None]},
         {"a": [MOMENT, None], "a_year": [2026, None], "a_month": [0, None],
          "a_day": [14, None], "a_hour": [6, None], "a_minute": [7, None], "a_second": [8, None],
          "a_week_of_year": [2, None], "a_day_of_year": [14, None], "a_quarter": [0, None]}),
]  # fmt: skip
