"""Errors that a user can mend."""


class InputError(ValueError):
    """What the user gave cannot be used; the message says what was given, what was expected and what to do.

    The command line prints the message alone, without a traceback, and exits with 2.
    """
