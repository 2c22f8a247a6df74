#!/usr/bin/env bash
# Draws the first pictures of docs/gallery anew, by the very commands that README and docs name.
#
#     scripts/make_gallery.sh
set -euo pipefail
cd "$(dirname "$0")/.."
photo=examples/red-panda.jpg style=examples/cafe-terrace-at-night.jpg gallery=docs/gallery

stylize optimize $photo $style --preset neighbours --quality 88 -o $gallery/hero.jpg
stylize optimize $photo $style --quality 88 -o $gallery/default.jpg
stylize blend classics $photo --grid starry-night,great-wave,winter-moonlit,kiss --quality 85 -o $gallery/blend.jpg
stylize models show classics --photo $photo --quality 88 -o $gallery/classics.jpg
python scripts/make_clip.py
python scripts/show_page.py  # needs playwright and a Chromium
