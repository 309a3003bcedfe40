-- One row is one value of a categorical column of the partition (`kind` is value), all its rarer values
-- together (others), or its missing ones (missing): rows, and how many of them have the positive label.
-- `distinct_values` counts the column's values, with the rarer ones. One scan, however many columns there are.
WITH counted AS (
  SELECT
    coalesce({% for category in categories %}place_{{ category.place }}{{ ", " if not loop.last }}{% endfor %}, 0) AS place
  , coalesce({% for category in categories %}value_{{ category.place }}{{ ", " if not loop.last }}{% endfor %}, NULL) AS value
  , count(*) AS row_count
  , sum(positive) AS positives
  FROM (
    SELECT
      {{ positive }} AS positive
{%- for category in categories %}
    , {{ category.place }} AS place_{{ category.place }}
    , {{ category.value }} AS value_{{ category.place }}
{%- endfor %}
    FROM {{ database | dml }}.{{ table | dml }}
    WHERE dt = {{ run_key | text }}
  )
  GROUP BY GROUPING SETS (
{%- for category in categories %}(place_{{ category.place }}, value_{{ category.place }}){{ ", " if not loop.last }}{% endfor -%}
  )
), ranked AS (
  SELECT
    *
  , count(value) OVER (PARTITION BY place) AS distinct_values
  , row_number() OVER (PARTITION BY place ORDER BY value IS NULL, row_count DESC, value) AS position
  FROM counted
), kept AS (
  SELECT
    place, row_count, positives, distinct_values
  , CASE WHEN value IS NULL THEN 'missing' WHEN position > {{ values_kept }} THEN 'others' ELSE 'value' END AS kind
  , CASE WHEN position <= {{ values_kept }} THEN value END AS value
  FROM ranked
)
SELECT
  element_at({% for batch in categories | batch(250) %}{{ " || " if not loop.first }}ARRAY[{% for category in batch %}{{ category.title | text }}{{ ", " if not loop.last }}{% endfor %}]{% endfor %}, place) AS column_name
, kind
, value
, sum(row_count) AS row_count
, sum(positives) AS positives
, max(distinct_values) AS distinct_values
FROM kept
GROUP BY place, kind, value
ORDER BY place, row_count DESC, value
