"""What anyiohttp costs, beside its peers and beside the bare stream.

``python -m benchmarks`` (``nox -s bench``) measures and prints the table; see there for options.
``python -m benchmarks.soak`` (``nox -s soak``) runs mixed work for minutes and wants flat memory.
``python -m benchmarks.profile`` and ``python -m benchmarks.instructions`` are for tuning.

How it is measured: the CPU time, user and system, of a client process that does one thing, by
``getrusage``, without its start and its warm-up. Every measurement is a fresh process. nginx, one
worker, is the server; it has a core of its own. Rounds go from client to client (A B C, A B C, …),
and a ratio is the median of the rounds' ratios, so that a slow minute of the machine hits both.
"""
