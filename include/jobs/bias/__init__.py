"""Bias metrics, and the program that reads and writes what SageMaker Clarify does."""
