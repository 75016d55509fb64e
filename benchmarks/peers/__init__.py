"""Other ISO 8583 codecs measured beside posterm: one program each, in an environment of its own, in one run.

`make bench-peers` prepares the environments, proves every codec on the sample, measures all of them in interleaved
rounds and writes `benchmarks/results/peers.{json,md,png}`. Leaves out whatever a codec does besides decoding and
encoding one message.
"""
