-- One row is one column of the partition: its rows, missing and distinct values, smallest and largest, and,
-- of a numeric column, mean, standard deviation (of the sample) and quartiles (approximate).
-- The partition is scanned once, however many columns it has: all is measured in one wide row, of which
-- each column then picks its part.
{%- macro pick(measure) -%}
ARRAY[{% for column in columns %}{{ measure }}_{{ loop.index }}{{ "" if loop.last else ", " }}{% endfor %}][place]
{%- endmacro %}
WITH measured AS (
  SELECT
    count(*) AS row_count
{%- for column in columns %}
{%- set name = column.name | dml %}
{%- set number = "CAST(" ~ name ~ " AS double)" if column.numeric else "CAST(NULL AS double)" %}
    , {{ column.name | text }} AS name_{{ loop.index }}
    , {{ column.type | text }} AS type_{{ loop.index }}
    , count(*) - count({{ name }}) AS missing_{{ loop.index }}
    , count(DISTINCT {{ name }}) AS distinct_{{ loop.index }}
    , CAST(min({{ name }}) AS varchar) AS minimum_{{ loop.index }}
    , CAST(max({{ name }}) AS varchar) AS maximum_{{ loop.index }}
    , avg({{ number }}) AS mean_{{ loop.index }}
    , stddev_samp({{ number }}) AS deviation_{{ loop.index }}
    , approx_percentile({{ number }}, 0.25) AS lower_{{ loop.index }}
    , approx_percentile({{ number }}, 0.5) AS median_{{ loop.index }}
    , approx_percentile({{ number }}, 0.75) AS upper_{{ loop.index }}
{%- endfor %}
  FROM {{ database | dml }}.{{ table | dml }}
  WHERE dt = {{ run_key | text }}
)
SELECT
    {{ pick("name") }} AS column_name
  , {{ pick("type") }} AS column_type
  , row_count
  , {{ pick("missing") }} AS missing
  , {{ pick("distinct") }} AS distinct_values
  , {{ pick("minimum") }} AS minimum
  , {{ pick("maximum") }} AS maximum
  , {{ pick("mean") }} AS mean
  , {{ pick("deviation") }} AS standard_deviation
  , {{ pick("lower") }} AS lower_quartile
  , {{ pick("median") }} AS median
  , {{ pick("upper") }} AS upper_quartile
FROM measured
CROSS JOIN UNNEST(sequence(1, {{ columns | length }})) AS places (place)
ORDER BY place
