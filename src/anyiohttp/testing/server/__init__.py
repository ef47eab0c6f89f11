"""A small HTTP/1.1 server and proxy over any byte stream.

It speaks HTTP by itself, with none of the client's code above byte streams: a misunderstanding of
the client's is not shared by its server. It is not meant to face the internet.
"""
