-- One row is a pair of numeric columns of the partition, the label as 0 and 1 among them: Pearson's correlation
-- over the rows in which both have a finite value; none where one of them does not vary. One scan.
{%- set pairs = [] %}
{%- for right in numbers %}{% for left in numbers[:loop.index0] %}{{ pairs.append((left, right)) or "" }}{% endfor %}{% endfor %}
{%- macro every(side) -%}
{%- for batch in pairs | batch(250) %}{{ " || " if not loop.first }}ARRAY[
{%- for pair in batch %}{{ pair[side].place }}{{ ", " if not loop.last }}{% endfor -%}
]{% endfor %}
{%- endmacro %}
{%- set names -%}
ARRAY[{% for number in numbers %}{{ number.title | text }}{{ ", " if not loop.last }}{% endfor %}]
{%- endset %}
WITH correlated AS (
  SELECT
    {% for batch in pairs | batch(250) %}{{ " || " if not loop.first }}ARRAY[
{%- for pair in batch %}corr(n{{ pair[0].place }}, n{{ pair[1].place }}){{ ", " if not loop.last }}{% endfor -%}
]{% endfor %} AS coefficients
  FROM (
    SELECT
{%- for number in numbers %}
      {{ ", " if not loop.first }}{{ number.value }} AS n{{ number.place }}
{%- endfor %}
    FROM {{ database | dml }}.{{ table | dml }}
    WHERE dt = {{ run_key | text }}
  )
)
SELECT element_at({{ names }}, left_place) AS left_column, element_at({{ names }}, right_place) AS right_column, coefficient
FROM correlated
CROSS JOIN UNNEST({{ every(0) }}, {{ every(1) }}, coefficients) AS pairs (left_place, right_place, coefficient)
ORDER BY right_place, left_place
