"""Load for a host: a fleet of terminals, what they ask and when, how long answers take, and whether the books agree.

    fleet        terminals and cards of one run, enrolled in the host's store, new ones each time
    requests     their frames: real messages with PIN block, chip data and MAC
    mix          what is asked, with which card reader, and when
    lockstep     as many requests as a host answers: each connection waits for its answer (closed loop)
    arrivals     requests at a set rate, whether the host keeps up or not (open loop)
    measured     latencies as HDR histograms, by second and in all
    books        every answer held against the ledger afterwards
    report       all of it as text, HTML and PNG

Terminals behind one connection stand for those behind one concentrator. Leaves out TLS and HTTP framing.
"""
