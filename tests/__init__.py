"""Tests; a package, because an installed library has one of the same name."""
