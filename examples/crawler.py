"""A crawler: follows the links of a site, a bounded number of pages at a time.

    python examples/crawler.py https://example.org/ 100

All pages are fetched by tasks of one block. When it ends, be it by Ctrl-C, nothing is left.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser

import anyio
from yarl import URL

import anyiohttp


class LinkParser(HTMLParser):
    """Collects the targets of links."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where a link leads."""
        if tag == "a":
            self.links += [value for name, value in attrs if name == "href" and value]


@dataclass
class Crawl:
    """What was found so far.

    Args:
        start: the first page; others are followed on the same origin only.
        limit: how many pages at most.
    """

    start: URL
    limit: int
    pages: dict[URL, int] = field(default_factory=dict)
    errors: dict[URL, str] = field(default_factory=dict)
    seen: set[URL] = field(default_factory=set)

    def wants(self, url: URL) -> bool:
        """Whether a page is new, of this site, and within the limit; it is not new any more."""
        url = url.with_fragment(None)
        new = url not in self.seen and url.origin() == self.start.origin()
        if not new or len(self.seen) >= self.limit:
            return False
        self.seen.add(url)
        return True


async def crawl(start: str, limit: int = 100, at_once: int = 10) -> Crawl:
    """Fetch a page and all that it leads to on its site."""
    found = Crawl(URL(start), limit)
    slots = anyio.CapacityLimiter(at_once)
    timeout = anyiohttp.ClientTimeout(total=30)
    async with (
        anyiohttp.ClientSession(timeout=timeout, max_body_size=10_000_000) as session,
        anyio.create_task_group() as tasks,
    ):

        async def visit(url: URL) -> None:
            try:
                async with slots, session.get(url) as response:
                    found.pages[url] = response.status
                    if not response.ok or response.content_type != "text/html":
                        return
                    parser = LinkParser()
                    parser.feed(await response.text(errors="replace"))
                    base = response.url
            except anyiohttp.ClientError as exc:
                found.errors[url] = str(exc)
                return
            for link in parser.links:
                follow(base, link)

        def follow(base: URL, link: str) -> None:
            try:
                target = base.join(URL(link)).with_fragment(None)
                if target.scheme in ("http", "https") and found.wants(target):
                    tasks.start_soon(visit, target)
            except ValueError:
                pass  # a link that is no URL

        if found.wants(found.start):
            tasks.start_soon(visit, found.start)
    return found


async def main(start: str, limit: int = 100) -> None:
    """Crawl, and tell what was found."""
    found = await crawl(start, limit)
    for url, status in sorted(found.pages.items(), key=str):
        print(status, url)
    for url, error in found.errors.items():
        print("ERR", url, error)


if __name__ == "__main__":
    anyio.run(main, sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 100)
