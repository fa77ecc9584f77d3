"""Public data sets for users with a network: `python -m kosplade.imports NAME` fetches one with DVC and converts it.

Outside kosplade.corpus, on which the stage prepare depends as a whole: a change here reruns nothing.
"""
