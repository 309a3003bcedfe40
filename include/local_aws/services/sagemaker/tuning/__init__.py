"""Hyperparameter tuning behind the API: what to try next, when to stop, and the thread that sees to it.

    space        the ranges of a request, as numbers and back as texts
    search       which values come next; knows optuna, no job and no record
    stopping     which running training job is hopeless; when a tuning job has done enough
    child        a tuning job's training jobs, as records
    tuner        one thread for each running tuning job: starts children, waits for their ends, decides

Only `child` and `tuner` know the stand-in's state; the rest is arithmetic on texts and numbers. The drawback
of a thread in the server: proposing costs it some milliseconds of processor time. A process for each tuning
job would cost a second to start and could be killed by itself.
"""
