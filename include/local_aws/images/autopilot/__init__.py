"""Autopilot's program: from a table to a leaderboard of models, of which the best can be deployed as it is.

    __main__     the job: analyse, train, rank, explain; holds the budgets
      crew         candidates, each in a process of its own, two at a time
      search       what is tried next
      settings     what the job was asked, from /opt/ml/input/config/autopilot.json
      table        files -> columns and their kinds
      target       which problem it is, classes, folds
      metrics      what AWS calls the metrics, and which may be an objective
      algorithms   preprocessing, estimators, which of them are tried
      candidate    one candidate: trained on folds, measured on what each fold left out
      ensemble     several candidates as one
      explain      Shapley values of the columns
      notebooks    data exploration, candidate definitions
    model        a saved candidate
    serving      the inference container's program: answers with one
    contract     AWS's words and tables, which the service reads too

What tells a candidate apart on AWS is a library; here each is the nearest that the jobs' environment has:

    xgboost                          XGBoost
    lightgbm                         scikit-learn's histogram gradient boosting, made after LightGBM
    randomforest, extra-trees        scikit-learn's
    linear-learner                   logistic or ridge regression
    nn-torch, mlp                    scikit-learn's multi-layer perceptron
    catboost, fastai                 none: refused when they are asked for

The drawback of candidates that are processes of one job: they are no training jobs that one could describe,
so a candidate has no CandidateSteps.
"""
