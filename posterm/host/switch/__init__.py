"""The switch: cards of other institutions, whose issuers are asked over the network.

port          IssuerPort: what the pipeline asks of a card's issuer, and a request that waits for one
here          the issuer in this process
over_link     an issuer over the network: requests, advices and reversals for it
directory     which issuer a card number belongs to
stand_in      what the host may approve for an issuer that is not there
forwards      what an issuer must have, sent until it is answered
routes        giving a request up: its reversal, its limits, its record
resumption    going on with a request when its issuer has answered, or not
"""
