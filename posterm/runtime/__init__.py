"""The only layer that does input and output: stores, sockets, the clock, entropy.

run_host         a host on a TCP port; host_connection, host_counts and file_limit belong to it
host_status      how a served host is watched, by HTTP; host_metrics for Prometheus
run_terminal     doing what a terminal's flows ask for
assembly         terminals and hosts from their parts, with stores on disk
tcp              a terminal's line
link_asyncio     links to and from hosts, on an event loop: client and server
link_blocking    a link for programs without one
link_tls         certificates for both
readers          a card of this process, as a reader offers it
vpcd             a card offered to other programs through the virtual reader
pcsc             the readers of this machine
reader_parts     what they need of this machine
channel          how frames lie on a connection: behind a length, alone, or in HTTP
store            what is kept on disk
clock            the time of day
errors           faults of the outside world, translated
"""
