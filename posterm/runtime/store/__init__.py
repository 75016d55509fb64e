"""What is kept on disk. SQL is written here and nowhere else.

sqlite_host        the host's rows in one SQLite file
sqlite_terminal    a terminal's documents in one SQLite file
"""
