-- One row is one group of the partition: a value of a facet, or of an intersection of facets (`facet` says which);
-- its rows, and how many of them have the positive label. A facet that is not part of the group has no value,
-- and so has a facet whose value is missing. One scan.
SELECT
  element_at(ARRAY[{% for group in groups %}{{ group.title | text }}{{ ", " if not loop.last }}{% endfor %}], place) AS facet
{%- for facet in facets %}
, value_{{ facet.place }} AS {{ facet.title | dml }}
{%- endfor %}
, row_count
, positives
FROM (
  SELECT
    coalesce({% for group in groups %}group_{{ group.place }}{{ ", " if not loop.last }}{% endfor %}, 0) AS place
{%- for facet in facets %}
  , value_{{ facet.place }}
{%- endfor %}
  , count(*) AS row_count
  , sum(positive) AS positives
  FROM (
    SELECT
      {{ positive }} AS positive
{%- for group in groups %}
    , {{ group.place }} AS group_{{ group.place }}
{%- endfor %}
{%- for facet in facets %}
    , {{ facet.value }} AS value_{{ facet.place }}
{%- endfor %}
    FROM {{ database | dml }}.{{ table | dml }}
    WHERE dt = {{ run_key | text }}
  )
  GROUP BY GROUPING SETS (
{%- for group in groups %}(group_{{ group.place }}{% for place in group.facets %}, value_{{ place }}{% endfor %}){{ ", " if not loop.last }}{% endfor -%}
  )
)
ORDER BY place, row_count DESC
