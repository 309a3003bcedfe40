{# No result: a part of the statements beside it. `labelled`: the accepted and the curated rows of the window, each with the time
at which its features are asked for. `known`: the newest record of each entity at each of these times.

A record is known from its event time on. Of several with one event time the last call counts, then the last write. A
deleted entity has a newest record, too: the mark of its deletion. -#}
days (dt, ends) AS (
  VALUES {{ day_ends }}
), labelled AS (
{%- for part, table in [("training", accepted), ("curated", curated)] %}
  {{ "UNION ALL " if not loop.first }}SELECT
    {{ part | text }} AS part
  , days.dt AS dt
  , rows.{{ entity | dml }} AS asked_entity
  , {{ label_time }} AS label_time
{%- for name in carried %}
  , rows.{{ name | dml }} AS {{ name | dml }}
{%- endfor %}
  , {{ "rows.sample_weight" if part == "training" else "CAST(NULL AS double)" }} AS sample_weight
  FROM {{ database | dml }}.{{ table | dml }} AS rows
  INNER JOIN days ON days.dt = rows.dt
  WHERE rows.dt IN ({{ days }})
{%- endfor %}
), asked AS (
  SELECT DISTINCT asked_entity, label_time FROM labelled
), newest AS (
  SELECT asked.asked_entity, asked.label_time, max(stored.{{ event_time | dml }}) AS event_seconds
  FROM asked
  INNER JOIN {{ store_database | dml }}.{{ store_table | dml }} AS stored
    ON stored.{{ entity | dml }} = asked.asked_entity AND stored.{{ event_time | dml }} <= asked.label_time
  WHERE stored.{{ event_time | dml }} <= {{ as_of }}
  GROUP BY asked.asked_entity, asked.label_time
), known AS (
  SELECT * FROM (
    SELECT
      newest.asked_entity AS known_entity
    , newest.label_time AS known_time
    , newest.event_seconds
    , stored.api_invocation_time AS called_at
    , stored.is_deleted AS is_deleted
{%- for feature in features %}
    , stored.{{ feature.name | dml }} AS {{ feature.name | dml }}
{%- endfor %}
    , row_number() OVER (
        PARTITION BY newest.asked_entity, newest.label_time
        ORDER BY stored.api_invocation_time DESC, stored.write_time DESC
      ) AS place
    FROM newest
    INNER JOIN {{ store_database | dml }}.{{ store_table | dml }} AS stored
      ON stored.{{ entity | dml }} = newest.asked_entity AND stored.{{ event_time | dml }} = newest.event_seconds
  )
  WHERE place = 1
)
