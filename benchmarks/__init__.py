"""What anyiohttp costs, beside its peers and beside the bare stream.

``python -m benchmarks`` (``nox -s bench``) measures and prints the table; see there for options.
``python -m benchmarks.soak`` (``nox -s soak``) runs mixed work for minutes and wants flat memory.
``python -m benchmarks.profile`` and ``python -m benchmarks.instructions`` are for tuning.

How it is measured: the CPU time, user and system, of a client process that does one thing, by
``getrusage``, without its start and its warm-up. Every measurement is a fresh process. nginx, one
worker, is the server; it has a core of its own. Rounds go from client to client (A B C, A B C, …),
and a ratio is the median of the rounds' ratios, so that a slow minute of the machine hits both.

What this cannot show: the server is on the same machine, and who sends to it has the system wake
it. A client that does that once for many requests (``_net/outbox.py``) saves more here than it
would with a server at the other end of a network, where nobody is woken.
"""
