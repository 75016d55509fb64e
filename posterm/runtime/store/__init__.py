"""What is kept on disk. SQL is written here and nowhere else.

host_tables        the host's records as SQL tables; host_migrations leads older ones on
sql_host           the host's rows in any SQL database: a unit of work for each batch
host_store         which of the following a host uses
sqlite_host        the host's rows in one SQLite file
postgres_host      the host's rows in a PostgreSQL database that several hosts share
retry              work in a batch, tried again after a lost race
sqlite_terminal    a terminal's documents in one SQLite file
hsm_directory      the folder an HSM keeps its state in
sqlite_budgets     failed verifications by subject
audit_file         an append-only file of lines
whole_file         files that are there whole or not at all
"""
