"""Errors that are the input's fault: every command turns them into one line on stderr and exit status 2."""


class InputError(ValueError):
    """Bad input. The message is one line that names the file, the field, what was expected and what was found."""
