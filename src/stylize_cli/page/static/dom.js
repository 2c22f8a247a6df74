// Small helpers for the document.

export const $ = (id) => document.getElementById(id);

export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

// Draws a list anew only where it has changed, and keeps the focus where it was.
export function redraw(parent, key, draw) {
  const text = JSON.stringify(key);
  if (parent.dataset.key === text) return;
  parent.dataset.key = text;
  const held = parent.contains(document.activeElement) && document.activeElement.dataset.id;
  const scrolled = [parent.scrollLeft, parent.scrollTop];
  parent.replaceChildren(...draw());
  [parent.scrollLeft, parent.scrollTop] = scrolled;
  if (held) parent.querySelector(`[data-id="${CSS.escape(held)}"]`)?.focus();
}

// Arrow keys walk along the buttons of a row; in a choice of one they choose as they go.
export function arrows(parent, { choose }) {
  parent.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const buttons = [...parent.querySelectorAll("button:not(.remove)")];
    const at = buttons.indexOf(document.activeElement);
    if (!step || at < 0) return;
    event.preventDefault();
    const next = buttons[(at + step + buttons.length) % buttons.length];
    next.focus();
    if (choose && !next.classList.contains("add")) next.click();
  });
}

// A command line that goes on in the next line between its words, not after a hyphen.
export const wrapping = (text) => text.split(/( )/).map((part) => (part === " " ? part : make("span", {}, part)));

export function duration(seconds) {
  if (seconds < 0.95) return "under a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export const about = (seconds) => (seconds < 0.95 ? "" : "about ") + duration(seconds);

export const words = (name) => name.replace(/\.[a-z0-9]+$/i, "").replaceAll(/[-_]/g, " ");

// A button that copies the text of an element.
export function copies(button, element) {
  const label = button.textContent;
  button.onclick = async () => {
    await navigator.clipboard.writeText(element.textContent);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  };
}
