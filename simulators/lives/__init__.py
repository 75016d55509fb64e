"""Merchants' lives: applicants with papers, the office they apply to, the counters they work at, and a recount.

paperwork   numbers, forms and pictures of people who do not exist
town        Town: an office over a host in memory, with its own time
counter     Counter: a device on a merchant's counter, a real terminal
life        Life: one merchant's way, from the first word to the last
"""
