"""Figures of models: measures, calibration, robustness, baselines, reports."""
