// The losses of an optimisation: a curve for each kind, on a logarithmic scale, and its legend.

import { $, make } from "./dom.js";

const WORDS = { total: "together", style: "style", content: "photo", layout: "light and dark", tv: "grain", features: "pieces", colours: "colours" };
const DECADES = 3; // below the largest loss; what is smaller lies on the ground
const LEFT = 34, EDGE = 6, HIGH = 112; // px

// Of the job at work, if there is one: its losses by kind, each a list whose last is the newest.
export function drawCurves({ losses, iterations } = { losses: {} }) {
  const kinds = Object.keys(losses).sort((a, b) => losses[b].at(-1) - losses[a].at(-1));
  $("curves").hidden = !kinds.length || losses[kinds[0]].length < 3;
  if ($("curves").hidden) return;
  const told = kinds.map((kind) => [kind, WORDS[kind] ?? kind, losses[kind].at(-1).toPrecision(2)]);
  drawPlot(kinds, losses);
  $("plot").setAttribute("aria-label", `Losses: ${told.map(([, word, loss]) => `${word} ${loss}`).join(", ")}`);
  $("legend").replaceChildren(
    ...told.map(([kind, word, loss]) => make("li", { "data-kind": kind }, make("i"), `${word} `, make("b", {}, loss))),
    make("li", {}, `after ${iterations} iterations; the lower, the better`),
  );
}

function drawPlot(kinds, losses) {
  const width = $("plot").clientWidth;
  const all = kinds.flatMap((kind) => losses[kind]).filter((loss) => loss > 0).map(Math.log10);
  const most = Math.max(...all), least = Math.max(most - DECADES, Math.min(...all));
  const across = (i, count) => LEFT + (i / (count - 1)) * (width - LEFT - EDGE);
  const down = (log) => EDGE + ((most - Math.max(log, least)) / (most - least || 1)) * (HIGH - 2 * EDGE);
  const lines = [];
  for (let power = Math.ceil(least); power <= most; power += 1) {
    lines.push(drawn("line", { x1: LEFT, x2: width - EDGE, y1: down(power), y2: down(power) }));
    lines.push(drawn("text", { x: LEFT - 6, y: down(power) + 4 }, power < -3 ? `1e${power}` : `${10 ** power}`));
  }
  for (const kind of [...kinds].reverse()) {
    const points = losses[kind].map((loss, i, { length }) => `${across(i, length).toFixed(1)},${down(Math.log10(Math.max(loss, 1e-12))).toFixed(1)}`);
    lines.push(drawn("polyline", { points: points.join(" "), "data-kind": kind }));
  }
  $("plot").replaceChildren(...lines);
}

function drawn(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.textContent = text;
  return element;
}
