"""A hook of mkdocs: a picture that stands alone gets its description as its caption.

A sheet of many is small on a phone: it leads to the file, which can be enlarged.
"""

import re

PICTURE = re.compile(r'<img alt="([^"]*)" src="([^"]*)"[^>]*>')
LINKED = re.compile(rf'<a href="[^"]*">{PICTURE.pattern}</a>')
# A paragraph of pictures alone; where the next is in italics, it is the caption.
ALONE = re.compile(rf"<p>((?:{LINKED.pattern}\s*)+)</p>(?!\s*<p><em>)")


def on_page_content(content: str, **_: object) -> str:
    """A page's HTML with its pictures as figures, each a link to its file."""
    texts = re.sub("<[^>]+>", "", content).splitlines()
    content = PICTURE.sub(r'<a href="\2">\g<0></a>', content)

    def figure(picture: re.Match[str]) -> str:
        above = picture[1] in texts  # it stands there already
        caption = "" if above else f"<figcaption>{picture[1]}</figcaption>"
        return f"<figure>{picture[0]}{caption}</figure>"

    def row(pictures: re.Match[str]) -> str:
        return f'<div class="figures">{LINKED.sub(figure, pictures[1])}</div>'

    return ALONE.sub(row, content)
