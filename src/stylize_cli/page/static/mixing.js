// The mixture of several styles: a slider each, and of four a square to wander in.

import { $, make, redraw, words } from "./dom.js";

export const MOST = 4;

const HINTS = {
  1: "Choose up to four. With four, wander between them in the square.",
  2: "Two more make the square.", 3: "One more makes the square.",
};

// It stands before the styles, which are many, and is there from the start, so that nothing moves under the
// hand that chooses; and behind the paintings to optimise by, which are few.
export function placeMixture(paints) {
  const mixture = $("mixture");
  if (paints && $("styles").previousElementSibling !== mixture) $("styles").before(mixture);
  if (!paints && $("paintings").nextElementSibling !== mixture) $("paintings").after(mixture);
}

// Calls back with the weights by name, and whether the hand has let go.
export function drawMixture(weights, cells, onMix) {
  const names = [...weights.keys()];
  $("mix-hint").textContent = HINTS[names.length] ?? "";
  redraw($("weights"), names, () => names.map((name) => slider(name, cells.get(name), onMix)));
  for (const row of $("weights").children) {
    const weight = weights.get(row.dataset.name);
    row.querySelector("output").value = `${Math.round(100 * share(weights, weight))} %`;
    const input = row.querySelector("input");
    if (document.activeElement !== input) input.value = weight;
  }
  drawPad(names, weights, cells);
}

const share = (weights, weight) => weight / ([...weights.values()].reduce((a, b) => a + b, 0) || 1);

function slider(name, cell, onMix) {
  const text = words(cell?.label ?? name);
  const input = make("input", { type: "range", min: 0, max: 1, step: 0.01, "aria-label": text });
  input.oninput = () => onMix(new Map([[name, +input.value]]), false);
  input.onchange = () => onMix(new Map([[name, +input.value]]), true);
  const row = make("div", { className: "weight" }, make("span", { title: text }, text), make("output"), input);
  row.dataset.name = name;
  return row;
}

function drawPad(names, weights, cells) {
  const pad = $("pad");
  const whole = names.length === MOST;
  pad.classList.toggle("whole", whole);
  pad.tabIndex = whole ? 0 : -1;
  redraw(pad, [names, names.map((name) => cells.get(name)?.image)], () => [
    ...Array.from({ length: MOST }, (_, i) => {
      const corner = make("b");
      cells.get(names[i])?.paint(corner);
      return corner;
    }),
    ...(whole ? [make("i")] : []),
  ]);
  if (!whole) return;
  const [, right, low, both] = names.map((name) => share(weights, weights.get(name)));
  const dot = pad.querySelector("i");
  dot.style.left = `${100 * (right + both)}%`;
  dot.style.top = `${100 * (low + both)}%`;
}

const corners = (x, y) => [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];

export function startPad(namesOf, onMix) {
  const pad = $("pad");
  const move = (x, y, done) => {
    if (!pad.classList.contains("whole")) return;
    const [across, down] = [x, y].map((value) => Math.min(1, Math.max(0, value)));
    const shares = corners(across, down);
    onMix(new Map(namesOf().map((name, i) => [name, Math.round(shares[i] * 1000) / 1000])), done);
  };
  const at = (event, done) => {
    const box = pad.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height, done);
  };
  pad.addEventListener("pointerdown", (event) => {
    pad.setPointerCapture(event.pointerId);
    at(event, false);
  });
  pad.addEventListener("pointermove", (event) => event.buttons && at(event, false));
  pad.addEventListener("pointerup", (event) => at(event, true));
  pad.addEventListener("keydown", (event) => {
    const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key] ?? [];
    if (dx === undefined || !pad.classList.contains("whole")) return;
    event.preventDefault();
    const { left, top } = pad.querySelector("i").style;
    move(parseFloat(left) / 100 + dx * 0.05, parseFloat(top) / 100 + dy * 0.05, true);
  });
}
