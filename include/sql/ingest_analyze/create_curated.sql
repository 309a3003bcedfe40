{# No result: makes the table of curated rows, one row of which is one clean row of the landing files.
A table that is already there stays as it is: when columns change, drop it, and the next run makes it anew. -#}
CREATE EXTERNAL TABLE IF NOT EXISTS {{ database | ddl }}.{{ table | ddl }} (
{%- for column in columns %}
  {{ column.name | ddl }} {{ column.athena_type }}{{ "" if loop.last else "," }}
{%- endfor %}
)
PARTITIONED BY (dt string)
STORED AS PARQUET
LOCATION {{ location | text }}
