"""What the image sagemaker-data-wrangler-container runs: a `.flow` file over a job's inputs.

    /opt/ml/processing/flow/<name>.flow          the job's input `flow`
    /opt/ml/processing/<data set>/…              one input for each S3 source, called as its data set; one
                                                 without an input is read from S3 by the job itself
    <LocalPath of an output>/<job name>/<node id>/<output name>/part-…    the output <node id>.<output name>

    __main__   the program: arguments, outputs, the message of a failed job
    flow       the file: its shape, its graph, what each node means          (everything checked here)
    registry   operators by name and version, with their declared parameters
    operators  one module a family
    execute    the nodes that the outputs need, one after the other
    trained    what steps have learned from data
    values     the kinds of values, and casts between them
    sql        Spark's SQL on a locked DuckDB

On AWS the steps run on Spark, here on pandas and Arrow, with Spark's results: names and meanings of operators
and parameters are those of AWS's public flows and of the Python code that Data Wrangler exports from them.
Where neither shows a name it is assumed:

=======================================  =================================================================
assumed                                  names
=======================================  =================================================================
sagemaker.spark.concatenate_0.1          remove_duplicates, indicator_column (numbers of the inputs)
sagemaker.spark.custom_code_0.1          pandas_parameters.code, sql_parameters.code
sagemaker.spark.featurize_date_time_0.1  the operator's own name, "Extract columns" and its group
a refitted flow                          lies at <LocalPath>/<job name>/<output_flow> of the first output
=======================================  =================================================================

Not as on AWS: NaN and a missing value are one (and so NaN becomes a missing integer, not 0); a random choice
is the same in each run, but not Spark's; a quantile is exact; a name is never given twice, where Spark would
leave two columns of it; a random or stratified split loses no row with a missing stratum. What is not done is
refused by name: see ``registry.NOT_EMULATED``, flow parameters, outputs to the feature store, PySpark code
where PySpark is not installed.
"""
