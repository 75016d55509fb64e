"""What people run: the command line, and how it shows things.

cli             one file for each command; `main` puts them together
views           values as lines of text
configuration   posterm.toml
captured        a message as it is pasted: hexadecimal, with or without what stands around it
errors          what a user can get wrong here
"""
