"""Exported models on any BEIR folder, beside the baselines: `python -m kosplade.tools.beir --help`."""
