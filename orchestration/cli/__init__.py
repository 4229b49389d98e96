"""The command line `adx`: thin commands over the packages that do the work.

Modules here import only Typer at the top; everything heavy is imported by the command that needs
it, so that `adx --help` answers in well under half a second.
"""
