"""An issuer apart from any acquirer: cards, their accounts and keys, asked over the network.

issuer_host         IssuerHost: a message and the time in, an answer and events out
session             one connection of an acquirer: its keys, and messages about the link
authorization       a request, an advice or a reversal from first check to posting
original            the earlier request that a message names by DE 90
"""
