"""Waveform to answers: the log-mel front end, HRNet, its heads, and EmoHRNet that joins them."""
