"""Fidelity metrics, one module per axis, and resampling."""
