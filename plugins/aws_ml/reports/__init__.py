"""The report page of a run, which the plugin serves and Airflow's UI shows as a tab of each dag run.

    request -> app.py       who may see it, and with which headers
               subject.py   which run it is: Airflow's own records say the day, never the URL
               shelf.py     what the run wrote to S3, and what it did not
               sections/    one module a part of the page: what it reads, and what it makes of it
               page.py      HTML from templates/, every value escaped

A section is a module with a ``SECTION`` and a template of its name; ``sections/__init__.py`` lists them in
the order of the page. A section that cannot be shown says why, and the others are shown.

Everything read from S3 is data that somebody else wrote: it is checked before use and escaped when shown, and
pages that jobs wrote are served in a sandbox. Drawback: nothing is kept between two requests, so each look at
a page reads its documents anew (about a dozen small ones, side by side).
"""
