"""The only layer that does input and output: stores, sockets, the clock, entropy.

store     what is kept on disk
errors    faults of the outside world, translated
"""
