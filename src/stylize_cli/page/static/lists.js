// The rows of pictures, styles and jobs.

import { urls } from "./api.js";
import { $, about, duration, make, redraw, words } from "./dom.js";

export function drawPictures(parent, pictures, { role, chosen, onChoose, onRemove, onAdd }) {
  const several = role === "style";
  redraw(parent, [pictures.map((one) => one.id), [...chosen]], () => [
    ...pictures.map((one) => pictureTile(one, { several, chosen, onChoose, onRemove })),
    make("div", { className: "tile" },
      make("button", { className: "add", type: "button", onclick: onAdd }, several ? "Add a picture" : "Add a photo")),
  ]);
}

function pictureTile(one, { several, chosen, onChoose, onRemove }) {
  const image = make("img", { src: urls.thumbnail(one.id), alt: "", loading: "lazy" });
  const button = make("button", {
    type: "button", title: one.name, "aria-label": words(one.name), onclick: () => onChoose(one.id),
    [several ? "aria-pressed" : "aria-checked"]: String(chosen.has(one.id)),
    ...(several ? {} : { role: "radio" }),
  }, image);
  button.dataset.id = one.id;
  const tile = make("div", { className: "tile" }, button);
  if (one.given) {
    tile.append(make("button", {
      className: "remove", type: "button", "aria-label": `Remove ${one.name}`, onclick: () => onRemove(one.id),
    }, "×"));
  }
  return tile;
}

// A picture as the ground of anything.
export function pictureCell(one) {
  const image = `url("${urls.thumbnail(one.id)}")`;
  const paint = ({ style }) => Object.assign(style, { backgroundImage: image, backgroundSize: "cover" });
  return { label: one.name, image, paint };
}

// Every style as the photo looks in it: cells of one sheet.
export function styleCells(network, photo) {
  const image = `url("${urls.styles(photo, network.name)}")`;
  const count = network.styles.length;
  return new Map(network.styles.map((name, i) => [name, {
    label: name,
    image,
    paint(element) {
      element.style.backgroundImage = image;
      element.style.backgroundSize = `${count * 100}% 100%`;
      element.style.backgroundPosition = `${count > 1 ? (100 * i) / (count - 1) : 0}% 0`;
    },
  }]));
}

export function drawStyles(cells, chosen, onChoose) {
  const names = [...cells.keys()];
  redraw($("styles"), [names, cells.get(names[0])?.image, [...chosen]], () => names.map((name) => {
    const cell = make("i");
    cells.get(name).paint(cell);
    const button = make("button", {
      type: "button", title: name, "aria-pressed": String(chosen.has(name)), onclick: () => onChoose(name),
    }, cell, words(name));
    button.dataset.id = name;
    return button;
  }));
}

export function drawMade(made, onShow) {
  redraw($("made"), made.map((one) => one.id), () => made.map((one) => {
    const image = make("img", { src: urls.madeThumbnail(one.id), alt: "", loading: "lazy" });
    const button = make("button", { type: "button", title: one.title, "aria-label": one.title, onclick: () => onShow(one.id) }, image);
    button.dataset.id = one.id;
    return make("div", { className: "tile" }, button);
  }));
}

export function drawJobs(jobs, age, onStop, onShow) {
  redraw($("jobs"), jobs.map((job) => [job.id, job.state, job.stopped]), () => jobs.map((job) => jobRow(job, onStop, onShow)));
  jobs.forEach((job, i) => {
    const row = $("jobs").children[i];
    row.querySelector("span").textContent = progressOf(job, age);
    const bar = row.querySelector("progress");
    if (bar && job.share) bar.value = job.share;
  });
}

function jobRow(job, onStop, onShow) {
  const [text, label] = {
    running: job.stopped ? ["Stopping…", "Stopping"] : job.kind === "optimize" ? ["Stop, keep the best", "Stop"] : ["Stop", "Stop"],
    waiting: ["Remove", "Remove"], failed: ["Dismiss", "Dismiss"],
  }[job.state];
  const stop = make("button", {
    type: "button", className: "quiet", "aria-label": `${label} ${job.title}`, disabled: job.stopped, onclick: () => onStop(job.id),
  }, text);
  stop.dataset.id = job.id;
  const title = make("button", { type: "button", className: "title", title: "Show it", onclick: () => onShow(job.id) }, job.title);
  title.dataset.id = `show-${job.id}`;
  const row = make("li", { className: job.state }, title, stop, make("span"));
  if (job.state === "running") row.append(make("progress", { max: 1, "aria-label": job.title }));
  return row;
}

function progressOf(job, age) {
  if (job.state === "failed") return job.error;
  const left = job.left === null ? "" : about(Math.max(0, job.left - age));
  if (job.state === "waiting") return ["waiting", left && `takes ${left}`].filter(Boolean).join(" · ");
  const share = job.share ? `${Math.round(100 * job.share)} %` : "";
  return [job.task, share, duration(job.spent + age), left && `${left} left`].filter(Boolean).join(" · ");
}

// The tab's title: of the job at work, if there is one.
export function drawTitle(job) {
  const share = job?.share ? `${Math.round(100 * job.share)} % · ` : "";
  document.title = job ? `${share}${job.title} · stylize` : "stylize";
}
