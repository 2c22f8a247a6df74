"""A hook of mkdocs: formulas in LaTeX become MathML, which browsers draw without a script."""

import html
import re

from latex2mathml.converter import convert

# What pymdownx.arithmatex makes of $…$ and of $$…$$.
INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
BLOCK = re.compile(r'<div class="arithmatex">\s*\\\[(.*?)\\\]\s*</div>', re.DOTALL)


def on_page_content(content: str, **_: object) -> str:
    """A page's HTML with its formulas as MathML."""
    content = INLINE.sub(lambda found: _drawn(found[1], "inline"), content)
    return BLOCK.sub(
        lambda found: f'<div class="formula">{_drawn(found[1], "block")}</div>', content
    )


def _drawn(latex: str, display: str) -> str:
    return convert(html.unescape(latex).strip(), display=display)
