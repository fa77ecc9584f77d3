"""A page on this machine to search, compare and look inside: `python -m kosplade.tools.demo --help`."""
