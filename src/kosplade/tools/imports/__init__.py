"""Public data sets for users with a network: `python -m kosplade.tools.imports NAME` fetches and converts one."""
