"""Features: what the model sees, declared in the workflow file and learned from training rows alone.

    plan          the declaration, with its defaults, as a list of features to fit
    columns       one raw column as numbers, texts or times, whether it comes from Parquet, JSON or CSV
    sources       where a feature's raw values come from: a column, a ratio, a part of a date, a cross, bins
    numeric       impute -> treat outliers -> scale                          scales
    categorical   impute -> gather rare values -> encode                     encoders
    selection     which of the made columns stay
    transformer   all of it in one object, written as JSON and applied alike in training, batch and endpoint
    split         which rows are learned from, and which the model is judged by
    summary       what a reader wants to know of it: before and after, what was learned, alerts

Everything fitted is plain JSON and plain numpy, no pickle: any image can apply it and anyone can read it.
"""
