-- What Trino's functions mean, in DuckDB's SQL. Created in a query's own database when its text calls them.
-- Names of lambdas end in __, because the arguments that stand in their bodies may be columns of any name.
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
    CASE WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: Index must be greater than zero')
         WHEN n > len(str_split(x, d)) THEN NULL ELSE split_part(x, d, n) END;
CREATE MACRO trino_substr(x, start) AS
    CASE WHEN start = 0 OR -start > len(x) THEN '' ELSE substr(x, start) END,
    (x, start, length) AS
    CASE WHEN start = 0 OR -start > len(x) OR length <= 0 THEN '' ELSE substr(x, start, length) END;
CREATE MACRO trino_regexp_extract(x, p) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract(x, p) END,
    (x, p, g) AS CASE WHEN regexp_matches(x, p) THEN regexp_extract_all(x, p, g)[1] END;
CREATE MACRO trino_regexp_replace(x, p) AS regexp_replace(x, p, '', 'g'),
    (x, p, r) AS regexp_replace(x, p, regexp_replace(r, '\$(\d)', '\\\1', 'g'), 'g');

-- JSON. A path into text that is no JSON is NULL, as is a scalar that is none.
CREATE MACRO trino_json_extract_scalar(j, path) AS
    CASE WHEN TRY(json_type(CAST(j AS VARCHAR), path)) NOT IN ('OBJECT', 'ARRAY', 'NULL')
         THEN TRY(CAST(j AS VARCHAR) ->> path) END;
CREATE MACRO trino_json_extract(j, path) AS TRY(json_extract(CAST(j AS VARCHAR), path));

-- Arrays.
CREATE MACRO trino_array_distinct(a) AS list_filter(a, lambda x__, i__: list_position(a, x__) = i__);
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
    CASE WHEN i = 0 THEN error('INVALID_FUNCTION_ARGUMENT: SQL array indices start at 1')
         WHEN i > 0 THEN a[i] WHEN i < 0 AND -i <= len(a) THEN a[len(a) + i + 1] END;

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
CREATE MACRO trino_other_hash(x) AS CASE WHEN x IS NOT NULL THEN hash(x, 1) END;
CREATE MACRO trino_width_bucket(x, low, high, n) AS
    CASE WHEN low < high THEN
        CASE WHEN x < low THEN 0 WHEN x >= high THEN n + 1
             ELSE CAST(floor((x - low) * n / CAST(high - low AS DOUBLE)) AS BIGINT) + 1 END
    ELSE CASE WHEN x > low THEN 0 WHEN x <= high THEN n + 1
             ELSE CAST(floor((low - x) * n / CAST(low - high AS DOUBLE)) AS BIGINT) + 1 END END,
    (x, bins) AS len(list_filter(bins, lambda b__: b__ <= x));
-- Exact decimal division, rounding half away from zero: unscaled integers, `up` is a power of ten.
CREATE MACRO trino_divide_half_up(a, b) AS
    a // b + CASE WHEN 2 * abs(a % b) >= abs(b) THEN CASE WHEN (a < 0) = (b < 0) THEN 1 ELSE -1 END ELSE 0 END;

-- More of text.
CREATE MACRO trino_split_limit(x, d, n) AS
    CASE WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: Limit must be positive')
         WHEN len(str_split(x, d)) <= n THEN str_split(x, d)
         ELSE list_append(list_slice(str_split(x, d), 1, n - 1),
                          array_to_string(list_slice(str_split(x, d), n, len(str_split(x, d))), d)) END;
-- Position of the n-th occurrence: what lies before it is the pieces between the first n of them.
CREATE MACRO trino_strpos(x, s, n) AS
    CASE WHEN x IS NULL OR s IS NULL OR n IS NULL THEN NULL
         WHEN n = 0 THEN error('INVALID_FUNCTION_ARGUMENT: ''instance'' must not be a positive or negative number.')
         WHEN s = '' THEN CASE WHEN n = 1 THEN 1 ELSE 0 END
         WHEN abs(n) > len(str_split(x, s)) - 1 THEN 0
         ELSE len(array_to_string(list_slice(str_split(x, s), 1,
                  CASE WHEN n > 0 THEN n ELSE len(str_split(x, s)) + n END), s)) + 1 END;
CREATE MACRO trino_regexp_position(x, p, start, n) AS
    CASE WHEN len(regexp_extract_all(substr(x, start), p)) < n THEN -1
         ELSE start
              + list_sum(list_transform(list_slice(regexp_split_to_array(substr(x, start), p), 1, n), lambda g__: len(g__)))
              + coalesce(list_sum(list_transform(list_slice(regexp_extract_all(substr(x, start), p), 1, n - 1),
                                                 lambda m__: len(m__))), 0) END;
CREATE MACRO trino_hamming(a, b) AS
    CASE WHEN len(a) <> len(b) THEN error('INVALID_FUNCTION_ARGUMENT: The input strings to hamming_distance function must have the same length')
         ELSE hamming(a, b) END;

-- DuckDB makes a map of constants while it binds, and the types of what stands inside are lost; not of this.
CREATE MACRO trino_map(entries) AS map_from_entries(CASE WHEN random() < 2 THEN entries END);

-- More of arrays. Predicates come as their answers: false decides, then NULL, then true.
CREATE MACRO trino_all(answers) AS
    CASE WHEN answers IS NULL THEN NULL WHEN list_contains(answers, false) THEN false
         WHEN list_position(answers, NULL) IS NOT NULL THEN NULL ELSE true END;
CREATE MACRO trino_any(answers) AS
    CASE WHEN answers IS NULL THEN NULL WHEN list_contains(answers, true) THEN true
         WHEN list_position(answers, NULL) IS NOT NULL THEN NULL ELSE false END;
CREATE MACRO trino_has(a, x) AS list_position(a, x) IS NOT NULL;
CREATE MACRO trino_array_intersect(a, b) AS
    list_filter(trino_array_distinct(a), lambda x__: trino_has(b, x__));
CREATE MACRO trino_array_except(a, b) AS
    list_filter(trino_array_distinct(a), lambda x__: NOT trino_has(b, x__));
CREATE MACRO trino_arrays_overlap(a, b) AS
    CASE WHEN a IS NULL OR b IS NULL THEN NULL
         WHEN len(list_filter(a, lambda x__: x__ IS NOT NULL AND trino_has(b, x__))) > 0 THEN true
         WHEN trino_has(a, NULL) OR trino_has(b, NULL) THEN NULL ELSE false END;
CREATE MACRO trino_ngrams(a, n) AS
    CASE WHEN n <= 0 THEN error('INVALID_FUNCTION_ARGUMENT: N must be positive')
         WHEN len(a) < n THEN [a]
         ELSE list_transform(range(1, len(a) - n + 2), lambda i__: list_slice(a, i__, i__ + n - 1)) END;
CREATE MACRO trino_contains_sequence(a, s) AS
    len(s) = 0 OR len(list_filter(range(1, len(a) - len(s) + 2),
                                  lambda i__: list_slice(a, i__, i__ + len(s) - 1) = s)) > 0;
CREATE MACRO trino_trim_array(a, n) AS
    CASE WHEN n < 0 THEN error('INVALID_FUNCTION_ARGUMENT: size must not be negative: ' || n)
         WHEN n > len(a) THEN error('INVALID_FUNCTION_ARGUMENT: size must not exceed array cardinality ' || len(a) || ': ' || n)
         ELSE list_slice(a, 1, len(a) - n) END;
CREATE MACRO trino_array_histogram(a) AS
    trino_map(list_transform(trino_array_distinct(list_filter(a, lambda x__: x__ IS NOT NULL)),
        lambda k__: row(k__, CAST(len(list_filter(a, lambda x__: x__ = k__)) AS BIGINT))));
CREATE MACRO trino_sequence(a, b, step) AS
    CASE WHEN step = 0 THEN error('INVALID_FUNCTION_ARGUMENT: step must not be zero')
         WHEN (b - a) * sign(step) < 0 THEN error('INVALID_FUNCTION_ARGUMENT: sequence stop value should be greater than or equal to start value if step is greater than zero otherwise stop should be less than or equal to start')
         WHEN abs(b - a) // abs(step) >= 10000 THEN error('INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries')
         ELSE generate_series(CAST(a AS BIGINT), CAST(b AS BIGINT), CAST(step AS BIGINT)) END;
-- From the start each time: 31 January, one month at a time, is 31 March after two, not 29.
CREATE MACRO trino_sequence_months(a, b, months) AS
    CASE WHEN months = 0 THEN error('INVALID_FUNCTION_ARGUMENT: interval must not be zero')
         WHEN abs(datediff('month', a, b)) // abs(months) >= 10000 THEN error('INVALID_FUNCTION_ARGUMENT: result of sequence function must not have more than 10000 entries')
         ELSE list_filter(list_transform(range(abs(datediff('month', a, b)) // abs(months) + 1),
                                         lambda i__: trino_plus(a, to_months(CAST(i__ * months AS INTEGER)))),
                          lambda t__: CASE WHEN months > 0 THEN t__ <= b ELSE t__ >= b END) END;

-- Maps. The first of several entries with one key counts, as in map_agg.
CREATE MACRO trino_entry_keys(entries) AS list_transform(entries, lambda e__: e__[1]);
CREATE MACRO trino_map_of_first(entries) AS
    CASE WHEN list_unique(trino_entry_keys(entries)) = len(entries) THEN trino_map(entries)
         ELSE trino_map(list_filter(entries,
            lambda e__, i__: e__[1] IS NOT NULL AND list_position(trino_entry_keys(entries), e__[1]) = i__)) END;
CREATE MACRO trino_multimap(entries) AS
    trino_map(list_transform(
        list_filter(trino_array_distinct(trino_entry_keys(entries)), lambda k__: k__ IS NOT NULL),
        lambda k__: row(k__, list_transform(list_filter(entries, lambda e__: e__[1] = k__), lambda e__: e__[2]))));
CREATE MACRO trino_dot(a, b) AS
    coalesce(list_sum(list_transform(map_keys(a), lambda k__: CAST(a[k__] AS DOUBLE) * coalesce(CAST(b[k__] AS DOUBLE), 0))), 0);

-- More of JSON.
CREATE MACRO trino_json_size(j, path) AS
    CASE WHEN TRY(json_type(CAST(j AS VARCHAR), path)) IS NULL THEN NULL
         WHEN json_type(CAST(j AS VARCHAR), path) = 'OBJECT' THEN CAST(len(json_keys(CAST(j AS VARCHAR), path)) AS BIGINT)
         WHEN json_type(CAST(j AS VARCHAR), path) = 'ARRAY' THEN CAST(json_array_length(CAST(j AS VARCHAR), path) AS BIGINT)
         ELSE 0 END;
CREATE MACRO trino_json_array_length(j) AS
    CASE WHEN TRY(json_type(CAST(j AS VARCHAR))) = 'ARRAY' THEN CAST(json_array_length(CAST(j AS VARCHAR)) AS BIGINT) END;
CREATE MACRO trino_json_array_get(j, i) AS
    CASE WHEN TRY(json_type(CAST(j AS VARCHAR))) = 'ARRAY'
         THEN json_extract_string(CAST(j AS VARCHAR), CASE WHEN i < 0 THEN '$[#' || i || ']' ELSE '$[' || i || ']' END) END;
CREATE MACRO trino_is_json_scalar(j) AS json_type(CAST(j AS VARCHAR)) NOT IN ('OBJECT', 'ARRAY');

-- More of numbers.
CREATE MACRO trino_cbrt(x) AS CASE WHEN power(round(cbrt(x)), 3) = x THEN round(cbrt(x)) ELSE cbrt(x) END;
CREATE MACRO trino_bit_count(x, bits) AS
    CASE WHEN bits = 64 THEN CAST(bit_count(CAST(x AS BIGINT)) AS BIGINT)
         WHEN bits < 2 OR bits > 64 THEN error('INVALID_FUNCTION_ARGUMENT: Bits specified in bit_count must be between 2 and 64, got ' || bits)
         WHEN x NOT BETWEEN -(1::HUGEINT << (bits - 1)) AND (1::HUGEINT << (bits - 1)) - 1
         THEN error('INVALID_FUNCTION_ARGUMENT: Number must be representable with the bits specified. ' || x || ' cannot be represented with ' || bits || ' bits')
         ELSE CAST(bit_count(CAST(x AS BIGINT) & CAST((1::HUGEINT << bits) - 1 AS BIGINT)) AS BIGINT) END;
-- A logical shift of a negative number is one of the number as it stands in `bits` bits.
CREATE MACRO trino_shift_right(x, n, bits) AS
    CASE WHEN n >= bits THEN 0 WHEN n = 0 THEN x
         ELSE (CAST(x AS HUGEINT) + CASE WHEN x < 0 THEN 1::HUGEINT << bits ELSE 0 END) // (1::HUGEINT << n) END;
CREATE MACRO trino_shift_right_arithmetic(x, n) AS
    CASE WHEN n >= 64 THEN CASE WHEN x < 0 THEN -1 ELSE 0 END ELSE CAST(x AS BIGINT) >> n END;

-- Days and the time that is left: 2 03:00:00.000.
CREATE MACRO trino_interval_text(i) AS
    CASE WHEN epoch(i) < 0 THEN '-' ELSE '' END || CAST(CAST(trunc(abs(epoch(i)) / 86400) AS BIGINT) AS VARCHAR) || ' '
    || strftime(make_timestamp(CAST(round(abs(epoch(i)) * 1000000) AS BIGINT)), '%H:%M:%S.%g');
CREATE MACRO trino_split(x, d) AS
    CASE WHEN d = '' THEN error('INVALID_FUNCTION_ARGUMENT: The delimiter may not be the empty string') ELSE str_split(x, d) END;
CREATE MACRO trino_replace(x, s, r) AS
    CASE WHEN s = '' THEN error('NOT_SUPPORTED: replace of an empty text (a limit of the local AWS stand-in)') ELSE replace(x, s, r) END;
