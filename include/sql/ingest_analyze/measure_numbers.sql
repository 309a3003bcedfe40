-- One row is one bin of a numeric column (also dates and times, as seconds since 1970) of the partition, split by
-- label and by outlier: `bin_rows`. What was measured of the whole column is repeated in each of its rows.
-- Two scans, however many columns there are: one measures, one counts rows into bins whose bounds follow from it.
-- {{ bins }} bins lie between `low_fence` and `high_fence`, bin 0 below and bin {{ bins + 1 }} from the high fence on;
-- rows without a finite value have none. `fraction` is 0 where all values are whole numbers.
{%- macro every(before, after="") -%}
ARRAY[{% for number in numbers %}{{ before }}n{{ number.place }}{{ after }}{{ ", " if not loop.last }}{% endfor %}]
{%- endmacro %}
{%- macro one_of_each(name) -%}
coalesce({% for number in numbers %}{{ name }}_{{ number.place }}{{ ", " if not loop.last }}{% endfor %}, NULL) AS {{ name }}
{%- endmacro %}
{%- macro rows_of_the_day() -%}
  SELECT
    {{ positive }} AS positive
{%- for number in numbers %}
  , {{ number.name }} AS v{{ number.place }}
  , {{ number.value }} AS n{{ number.place }}
{%- endfor %}
  FROM {{ database | dml }}.{{ table | dml }}
  WHERE dt = {{ run_key | text }}
{%- endmacro %}
WITH measured AS (
  SELECT
    count(*) AS row_count
  , ARRAY[{% for number in numbers %}count(v{{ number.place }}){{ ", " if not loop.last }}{% endfor %}] AS present_of
  , {{ every("count(", ")") }} AS finite_of
  , ARRAY[{% for number in numbers %}{{ number.distinct }}{{ ", " if not loop.last }}{% endfor %}] AS distinct_of
  , {{ every("min(", ")") }} AS minimum_of
  , {{ every("max(", ")") }} AS maximum_of
  , {{ every("avg(", ")") }} AS mean_of
  , {{ every("stddev_samp(", ")") }} AS deviation_of
  , {{ every("skewness(", ")") }} AS skewness_of
  , {{ every("approx_percentile(", ", ARRAY[0.25, 0.5, 0.75])") }} AS quartiles_of
  , ARRAY[{% for number in numbers %}{{ "0e0" if number.whole else "max(n" ~ number.place ~ " - floor(n" ~ number.place ~ "))" }}{{ ", " if not loop.last }}{% endfor %}] AS fraction_of
  FROM ({{ rows_of_the_day() }})
), described AS (
  SELECT
    row_count, place, column_name, is_time, present, finite, distinct_values, minimum, maximum, mean, deviation
  , skewness, fraction, element_at(quartiles, 1) AS lower_quartile, element_at(quartiles, 2) AS median
  , element_at(quartiles, 3) AS upper_quartile
  FROM measured
  CROSS JOIN UNNEST(
    ARRAY[{% for number in numbers %}{{ number.place }}{{ ", " if not loop.last }}{% endfor %}]
  , ARRAY[{% for number in numbers %}{{ number.title | text }}{{ ", " if not loop.last }}{% endfor %}]
  , ARRAY[{% for number in numbers %}{{ "true" if number.temporal else "false" }}{{ ", " if not loop.last }}{% endfor %}]
  , present_of, finite_of, distinct_of, minimum_of, maximum_of, mean_of, deviation_of, skewness_of, fraction_of
  , quartiles_of
  ) AS each (
    place, column_name, is_time
  , present, finite, distinct_values, minimum, maximum, mean, deviation, skewness, fraction
  , quartiles
  )
), fenced AS (
  SELECT
    *
    -- lower quartile - {{ factor }} * range between the quartiles, and the like above
  , CASE WHEN is_time OR lower_quartile = upper_quartile THEN minimum
         ELSE greatest(minimum, {{ 1 + factor }}e0 * lower_quartile - {{ factor }}e0 * upper_quartile) END AS low_fence
  , CASE WHEN is_time OR lower_quartile = upper_quartile THEN maximum
         ELSE least(maximum, {{ 1 + factor }}e0 * upper_quartile - {{ factor }}e0 * lower_quartile) END AS high_fence
  , mean - {{ z_score }}e0 * deviation AS low_reach
  , mean + {{ z_score }}e0 * deviation AS high_reach
  FROM described
), fences AS (
  SELECT
    array_agg(low_fence ORDER BY place) AS low_fence_of, array_agg(high_fence ORDER BY place) AS high_fence_of
  , array_agg(low_reach ORDER BY place) AS low_reach_of, array_agg(high_reach ORDER BY place) AS high_reach_of
  FROM fenced
), bounds AS (
  SELECT
{%- for number in numbers %}
{%- set i = number.place %}
    {{ ", " if not loop.first }}element_at(low_fence_of, {{ i }}) AS low_fence_{{ i }}, element_at(high_fence_of, {{ i }}) AS high_fence_{{ i }}
    , element_at(low_reach_of, {{ i }}) AS low_reach_{{ i }}, element_at(high_reach_of, {{ i }}) AS high_reach_{{ i }}
{%- endfor %}
  FROM fences
), placed AS (
  SELECT
    positive
{%- for number in numbers %}
{%- set i = number.place %}
  , {{ i }} AS place_{{ i }}
    -- Trino refuses two bounds that are equal; a column of one value has no bins.
  , width_bucket(n{{ i }}, low_fence_{{ i }}, nullif(high_fence_{{ i }}, low_fence_{{ i }}), {{ bins }}) AS bin_{{ i }}
  , n{{ i }} NOT BETWEEN low_fence_{{ i }} AND high_fence_{{ i }} AS outside_{{ i }}
  , n{{ i }} NOT BETWEEN low_reach_{{ i }} AND high_reach_{{ i }} AS far_{{ i }}
{%- endfor %}
  FROM ({{ rows_of_the_day() }})
  CROSS JOIN bounds
), counted AS (
  SELECT
    {{ one_of_each("place") }}, {{ one_of_each("bin") }}
  , {{ one_of_each("outside") }}, {{ one_of_each("far") }}
  , positive, count(*) AS bin_rows
  FROM placed
  GROUP BY GROUPING SETS ({% for number in numbers %}
{%- set i = number.place %}(place_{{ i }}, bin_{{ i }}, outside_{{ i }}, far_{{ i }}, positive){{ ", " if not loop.last }}{% endfor %})
)
SELECT
  column_name, row_count, present, finite, distinct_values, minimum, maximum, mean, deviation AS standard_deviation
, skewness, lower_quartile, median, upper_quartile, fraction, low_fence, high_fence
, {{ bins }} AS bins, bin, outside, far, positive, bin_rows
FROM fenced
LEFT JOIN counted ON counted.place = fenced.place
ORDER BY fenced.place, bin, positive
