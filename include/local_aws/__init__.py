"""A stand-in for AWS on one machine: it speaks AWS's wire protocols and really executes every job.

    app        one port: receives a request, finds the operation, answers            app.py
     |  wire       bytes <-> operation and parameters; validation by botocore's models
     v
    services   one module per AWS resource; each operation is one decorated function
     |  images     what a container image URI means here
     v
    jobs       the life of a job: legal transitions, process group, /opt/ml tree, recovery
     v
    state      SQLite for records, files for S3 objects

What it gives up: it is one process for one developer. It has no IAM policy evaluation, no
multi-tenancy and no high availability; what it does not emulate it refuses by name.
"""
