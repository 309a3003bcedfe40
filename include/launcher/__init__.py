"""Everything behind `make run`, `make test`, `make up`, `make down`, `make clean` and `make bench`.

Two programs, because the first has nothing to lean on:

    python3 -m launcher COMMAND              any Python from 3.11 on, standard library only
      environments.py                          uv, .venv, .venv-jobs from hashed locks; skipped when right
    becomes
    .venv/bin/python -m launcher.session COMMAND     has boto3
      stack.py                                 the stand-in and Airflow's processes, as one thing
        processes.py                             child processes: sessions, logs, deaths
        stand_in.py  airflow_setup.py            what each needs in its environment
      landing.py                               bucket, role, data of one day
      api.py  follow.py                        trigger a run through Airflow's REST API, tell its tasks
      summary.py                               what the run left in S3
      bench.py                                 the same, measured

Nothing is installed or written outside the project but uv's own cache. Everything that runs is kept below
`.local/`; every child is the leader of a session of its own, so that stopping it takes its children along.

Drawback: Linux only (sessions are found through /proc), and Airflow runs on SQLite as its own documentation
allows for development only. The compose file is the way to something sturdier.
"""
