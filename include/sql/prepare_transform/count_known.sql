-- One row is one day of the window: its accepted and its curated rows, how many of them have no features (`unknown`), how many have
-- those of a deleted entity (`deleted`), and of the run's own day how many have none of this run's writing yet
-- (`late`: the record of a row's own event time must have been written since the ingestion began, or it may be what
-- an earlier run of the day wrote, and the new one is on its way). Each with the first entities that it is true of.
{%- set features = [] %}
WITH {% include "prepare_transform/known_features.sql" %}
, judged AS (
  SELECT
    labelled.dt AS dt
  , CAST(labelled.asked_entity AS varchar) AS entity
  , CASE
      WHEN known.known_entity IS NULL THEN 'unknown'
      WHEN labelled.dt = {{ run_key | text }}
        AND (known.event_seconds < labelled.label_time OR to_unixtime(known.called_at) < {{ since }}) THEN 'late'
      WHEN known.is_deleted THEN 'deleted'
      ELSE 'known'
    END AS state
  FROM labelled
  LEFT JOIN known ON known.known_entity = labelled.asked_entity AND known.known_time = labelled.label_time
)
SELECT
  dt
, count(*) AS row_count
{%- for state in ["unknown", "late", "deleted"] %}
, count_if(state = '{{ state }}') AS {{ state }}
, array_join(slice(array_agg(entity ORDER BY entity) FILTER (WHERE state = '{{ state }}'), 1, 5), ', ') AS {{ state }}_entities
{%- endfor %}
FROM judged
GROUP BY dt
ORDER BY dt
