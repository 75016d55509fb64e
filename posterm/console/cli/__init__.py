"""The command `posterm`: one file for each of its commands, registered in `main`.

A command's module imports what is heavy inside its functions, so that `posterm --help` is quick.
"""
