"""Values as lines of text, for a terminal of 80 columns or a pipe.

message   an ISO 8583 message and what stands around it
screen    standard output with colours where there are any
"""
