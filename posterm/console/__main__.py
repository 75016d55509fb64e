"""`python -m posterm.console`: the same as the command `posterm`."""

from posterm.console.cli.main import run

run()
