-- One row is the partition: its rows, those that have a twin (equal in everything but the key), and the groups
-- that twins form, with the rows of the largest. One scan.
SELECT
  coalesce(sum(row_count), 0) AS row_count
, coalesce(sum(CASE WHEN row_count > 1 THEN row_count END), 0) AS twin_rows
, count_if(row_count > 1) AS twin_groups
, coalesce(max(CASE WHEN row_count > 1 THEN row_count END), 0) AS largest_group
FROM (
  SELECT count(*) AS row_count
  FROM {{ database | dml }}.{{ table | dml }}
  WHERE dt = {{ run_key | text }}
  GROUP BY {% for name in compared %}{{ name | dml }}{{ ", " if not loop.last }}{% endfor %}
)
