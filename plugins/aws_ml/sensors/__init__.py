"""Sensors the Amazon provider doesn't have."""
