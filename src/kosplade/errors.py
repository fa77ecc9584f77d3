"""The one exception that a user is meant to read."""


class UserError(Exception):
    """A problem the user can repair. The text names the thing, the place and the remedy, in one line."""
