"""Why a model says what it says: SHAP values, and how its output depends on one feature.

    trees         SHAP of tree ensembles, exact, from tables
    models        which exact way a trained model of XGBoost or scikit-learn has
    kernel        SHAP of anything that predicts: all coalitions of few features, sampled ones of many
    importance    the values of all rows as one number a feature; columns back to what they were made of
    files         how all of it is laid out
    config        what an analysis configuration says of it
    predictor     the model behind an endpoint
    dependence    the mean output as one feature changes

A SHAP value is a feature's share in the difference between a row's output and the output that is expected
without knowing the row: they add up to that difference, whatever the method.
"""
