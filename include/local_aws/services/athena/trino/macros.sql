-- What Trino's functions mean, in DuckDB's SQL. Created in every query's own database before it is locked.
-- A macro with typed parameters is chosen by the types of its arguments, as an overloaded function is.

-- Dates and times: the result has the type of the argument; DuckDB alone would answer TIMESTAMP for a DATE.
CREATE MACRO trino_date_trunc(unit, x DATE) AS CAST(date_trunc(unit, x) AS DATE),
    (unit, x TIMESTAMP) AS date_trunc(unit, x),
    (unit, x TIMESTAMPTZ) AS date_trunc(unit, x);
CREATE MACRO trino_plus(x DATE, i) AS CAST(x + i AS DATE),
    (x TIMESTAMP, i) AS x + i,
    (x TIMESTAMPTZ, i) AS x + i;

-- Strings.
CREATE MACRO trino_trim(x) AS trim(x, E' \t\n\r\x0b\x0c');
CREATE MACRO trino_ltrim(x) AS ltrim(x, E' \t\n\r\x0b\x0c');
CREATE MACRO trino_rtrim(x) AS rtrim(x, E' \t\n\r\x0b\x0c');
CREATE MACRO trino_split_part(x, d, n) AS
    CASE WHEN n > len(str_split(x, d)) THEN NULL ELSE split_part(x, d, n) END;
CREATE MACRO trino_substr(x, start) AS
    CASE WHEN start = 0 OR -start > len(x) THEN '' ELSE substr(x, start) END,
    (x, start, length) AS
    CASE WHEN start = 0 OR -start > len(x) OR length <= 0 THEN '' ELSE substr(x, start, length) END;
CREATE MACRO trino_regexp_extract(x, p) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p) END,
    (x, p, g) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p, g) END;
CREATE MACRO trino_regexp_replace(x, p) AS regexp_replace(x, p, '', 'g'),
    (x, p, r) AS regexp_replace(x, p, regexp_replace(r, '\$(\d)', '\\\1', 'g'), 'g');

-- JSON. A path into text that is no JSON is NULL, as is a scalar that is none.
CREATE MACRO trino_json_extract_scalar(j, path) AS
    CASE WHEN TRY(json_type(CAST(j AS VARCHAR), path)) NOT IN ('OBJECT', 'ARRAY', 'NULL')
         THEN TRY(CAST(j AS VARCHAR) ->> path) END;
CREATE MACRO trino_json_extract(j, path) AS TRY(json_extract(CAST(j AS VARCHAR), path));

-- Arrays.
CREATE MACRO trino_array_distinct(a) AS list_filter(a, lambda x, i: list_position(a, x) = i);
CREATE MACRO trino_array_max(a) AS CASE WHEN list_position(a, NULL) IS NULL THEN list_max(a) END;
CREATE MACRO trino_array_min(a) AS CASE WHEN list_position(a, NULL) IS NULL THEN list_min(a) END;
CREATE MACRO trino_contains(a, x) AS
    CASE WHEN list_contains(a, x) THEN true
         WHEN list_position(a, NULL) IS NOT NULL THEN NULL
         WHEN a IS NULL OR x IS NULL THEN NULL ELSE false END;
CREATE MACRO trino_slice(a, start, length) AS
    CASE WHEN start > 0 THEN list_slice(a, start, start + length - 1)
         ELSE list_slice(a, len(a) + start + 1, len(a) + start + length) END;
CREATE MACRO trino_array_element(a, i) AS
    CASE WHEN i > 0 THEN a[i] WHEN i < 0 AND -i <= len(a) THEN a[len(a) + i + 1] END;

-- Text to values: only what Trino's casts accept, NULL otherwise; the caller decides whether that fails.
CREATE MACRO trino_integer_text(x) AS regexp_full_match(x, '[+-]?[0-9]+');
CREATE MACRO trino_number_text(x) AS
    regexp_full_match(x, '\s*([+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|NaN|[+-]?Infinity)\s*');
CREATE MACRO trino_boolean_text(x) AS lower(x) IN ('true', 'false', 't', 'f', '1', '0');
CREATE MACRO trino_date_text(x) AS regexp_full_match(x, '\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}\s*');
CREATE MACRO trino_timestamp_text(x) AS regexp_full_match(
    x, '\s*[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}( [0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}(\.[0-9]+)?)?)?\s*');
CREATE MACRO trino_to_date(x) AS
    CASE WHEN x IS NULL OR trino_date_text(x) THEN CAST(trim(x) AS DATE)
         ELSE error('INVALID_CAST_ARGUMENT: Value cannot be cast to date: ' || x) END;
CREATE MACRO trino_date(x DATE) AS x,
    (x TIMESTAMP) AS CAST(x AS DATE),
    (x TIMESTAMPTZ) AS CAST(x AS DATE),
    (x VARCHAR) AS trino_to_date(x);

-- Values to text: doubles in scientific notation, timestamps with milliseconds.
CREATE MACRO trino_digits(s) AS ltrim(replace(split_part(s, 'e', 1), '.', ''), '0');
CREATE MACRO trino_exponent(s) AS
    CASE WHEN contains(s, 'e') THEN CAST(split_part(s, 'e', 2) AS INTEGER)
         WHEN starts_with(s, '0.') THEN
            -1 - (len(split_part(s, '.', 2)) - len(ltrim(split_part(s, '.', 2), '0')))
         ELSE len(split_part(s, '.', 1)) - 1 END;
CREATE MACRO trino_scientific(s) AS
    left(trino_digits(s), 1) || '.' ||
    CASE WHEN rtrim(substr(trino_digits(s), 2), '0') = '' THEN '0'
         ELSE rtrim(substr(trino_digits(s), 2), '0') END ||
    'E' || trino_exponent(s);
CREATE MACRO trino_double_text(x) AS
    CASE WHEN isnan(x) THEN 'NaN'
         WHEN isinf(x) THEN CASE WHEN x > 0 THEN 'Infinity' ELSE '-Infinity' END
         WHEN x = 0 THEN '0.0E0'
         ELSE CASE WHEN x < 0 THEN '-' ELSE '' END || trino_scientific(CAST(abs(x) AS VARCHAR)) END;
CREATE MACRO trino_timestamp_string(x) AS strftime(x, '%Y-%m-%d %H:%M:%S.%g');
CREATE MACRO trino_timestamptz_string(x) AS strftime(timezone('UTC', x), '%Y-%m-%d %H:%M:%S.%g') || ' UTC';
CREATE MACRO trino_iso8601(x DATE) AS strftime(x, '%Y-%m-%d'),
    (x TIMESTAMP) AS strftime(x, '%Y-%m-%dT%H:%M:%S.%g'),
    (x TIMESTAMPTZ) AS strftime(timezone('UTC', x), '%Y-%m-%dT%H:%M:%S.%g') || 'Z';

-- Numbers.
CREATE MACRO trino_width_bucket(x, low, high, n) AS
    CASE WHEN low < high THEN
        CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
             ELSE CAST(floor((x - low) * n / CAST(high - low AS DOUBLE)) AS BIGINT) + 1 END
    ELSE CASE WHEN x > low THEN 0 WHEN x <= high THEN n + 1
             ELSE CAST(floor((low - x) * n / CAST(low - high AS DOUBLE)) AS BIGINT) + 1 END END,
    (x, bins) AS len(list_filter(bins, lambda b: b <= x));
-- Exact decimal division, rounding half away from zero: unscaled integers, `up` is a power of ten.
CREATE MACRO trino_divide_half_up(a, b) AS
    a // b + CASE WHEN 2 * abs(a % b) >= abs(b) THEN CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE 0 END;
