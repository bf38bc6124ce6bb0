"""Any file or bytes to a waveform, and a waveform to windows."""
