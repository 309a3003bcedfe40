# `make run` and `make test` need Linux, make, and Python 3.11 or newer; nothing else.
#   make run [WORKFLOW=loan_approval] [DATE=2026-01-15] [DATA=file.csv] [PORT=8080] [AWS_PORT=4566] [PYTHON=python3.12]
# All the work is done by include/launcher; its first page tells the story.

# The first of these that works and is 3.11 or newer. The locks are for 3.11 and 3.12; where there is only a
# newer one, the launcher lets uv bring 3.12 into .uv.
PYTHON ?= $(shell for python in python3.12 python3.11 python3; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$python && break; done)

export WORKFLOW DATE DATA PORT AWS_PORT SCHEDULE ONLY
LAUNCH = PYTHONPATH=include $(PYTHON) -m launcher

.DEFAULT_GOAL := help
.PHONY: help run up down test bench clean setup spark aws-env airflow-env images lock python

help: ## list the commands
	@sed -n '2s/^#  //p' Makefile
	@echo "  make test | up | down | clean | bench | setup | spark"
	@sed -n 's/^\([a-z-]*\):.* ## /  make \1: /p' Makefile

run up down test bench clean setup spark: python
	@$(LAUNCH) $@

aws-env: ## print the variables with which any AWS client finds the stand-in
	@PYTHONPATH=include .venv-jobs/bin/python -m local_aws env --data-dir .local/aws

airflow-env: ## print the variables with which the airflow command finds what `make up` keeps running
	@PYTHONPATH=include .venv/bin/python -m launcher.session airflow-env

lock: ## write the dependency locks anew; needs uv and the network
	@./locks/lock.sh

images: ## write include/workflows/images.json from the sagemaker SDK's tables
	@.venv-jobs/bin/python include/launcher/images.py

python:
	@if [ -z "$(PYTHON)" ]; then \
		echo "No Python 3.11 or newer was found. Install one, or name it: make run PYTHON=/path/to/python3.12" >&2; exit 1; fi
	@if ! "$(PYTHON)" -c "" 2>/dev/null; then \
		echo "PYTHON=$(PYTHON) is not a Python that runs. Name one of version 3.11 or newer." >&2; exit 1; fi
