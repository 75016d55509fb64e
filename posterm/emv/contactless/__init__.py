"""Contactless payment: the entry point, and kernels 2 (Mastercard), 3 (Visa) and 7 (UnionPay).

entry_point    from the amount to the end: directory, kernel, what its outcome asks for
combinations   limits per AID and kernel, and what an amount makes of them
selection      which combinations card and reader share, best first
tap            one tap while it runs, and the steps all kernels take
c2, c2_stripe  kernel 2 in its EMV and mag-stripe modes; cvc3 writes the code into the track
c3, c7         kernels 3 and 7, which take the course of `quick`
outcome        what a kernel hands to the entry point
"""
