{# No result: makes the partition's rows part of the curated table; once more does no harm. -#}
ALTER TABLE {{ database | ddl }}.{{ table | ddl }} ADD IF NOT EXISTS
PARTITION (dt = {{ run_key | text }}) LOCATION {{ location | text }}
