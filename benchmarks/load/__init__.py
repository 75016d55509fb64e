"""The host's throughput beside a bare echo server, and what each part of its work costs.

run        `make load`: all of it, into benchmarks/results
echo       the server to compare with
sales      frames of sales, made before the clock runs
growth     what a sale costs in a ledger of millions
parts      what a store, its durability and each check cost, in one process
"""
