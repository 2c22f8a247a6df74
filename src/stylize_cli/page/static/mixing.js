// The mixture of several styles: a slider each, and of four a square to wander in.

import { $, make, redraw, words } from "./dom.js";

export const MOST = 4;

// Calls back with the weights by name, and whether the hand has let go.
export function drawMixture(weights, cells, onMix) {
  const names = [...weights.keys()];
  $("mixture").hidden = names.length < 2;
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
  const row = make("div", { className: "weight" }, make("span", {}, text), make("output"), input);
  row.dataset.name = name;
  return row;
}

function drawPad(names, weights, cells) {
  const pad = $("pad");
  pad.hidden = names.length !== MOST;
  if (pad.hidden) return;
  redraw(pad, [names, names.map((name) => cells.get(name)?.image)], () => [
    ...names.map((name) => {
      const corner = make("b");
      cells.get(name)?.paint(corner);
      return corner;
    }),
    make("i"),
  ]);
  const [, right, low, both] = names.map((name) => share(weights, weights.get(name)));
  const dot = pad.querySelector("i");
  dot.style.left = `${100 * (right + both)}%`;
  dot.style.top = `${100 * (low + both)}%`;
}

const corners = (x, y) => [(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y];

export function startPad(namesOf, onMix) {
  const pad = $("pad");
  const move = (x, y, done) => {
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
    if (dx === undefined) return;
    event.preventDefault();
    const { left, top } = pad.querySelector("i").style;
    move(parseFloat(left) / 100 + dx * 0.05, parseFloat(top) / 100 + dy * 0.05, true);
  });
}
