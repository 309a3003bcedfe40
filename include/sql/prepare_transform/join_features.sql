{# No result: writes Parquet, one row of which is one labelled row of the window with the features known at its time,
in the columns of the curated table, and the event time of their record (`feature_time`, in seconds since 1970). `part` says which rows: `training` the accepted ones, to learn from, `curated` all
clean ones, to judge by. A row without features fails the statement, so that none is dropped or filled in. -#}
UNLOAD (
WITH {% include "prepare_transform/known_features.sql" %}
SELECT
{%- for column in columns %}
  {{ ", " if not loop.first }}{{ column.value }} AS {{ column.name | dml }}
{%- endfor %}
{{ weight }}, known.event_seconds AS feature_time, CASE
    WHEN known.known_entity IS NULL OR known.is_deleted
    THEN CAST(CAST('no features of ' || CAST(labelled.asked_entity AS varchar) AS bigint) AS varchar)
    ELSE labelled.part
  END AS part
FROM labelled
LEFT JOIN known ON known.known_entity = labelled.asked_entity AND known.known_time = labelled.label_time
)
TO {{ location | text }}
WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['part'])
