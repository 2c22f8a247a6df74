// The page: what is chosen, what is shown, and what is asked for. All state that must outlive a
// reload is the program's, but for the choice, which is this tab's.

import { call, give, post, urls, watch } from "./api.js";
import { choice, network, paintings, photos, remember, server, settle, styles, toggle, weights, wish } from "./choice.js";
import { drawCurves } from "./curves.js";
import { $, about, arrows, copies, words, wrapping } from "./dom.js";
import { startDrops } from "./drops.js";
import { drawJobs, drawMade, drawPictures, drawStyles, drawTitle, pictureCell, styleCells } from "./lists.js";
import { drawMixture, placeMixture, startPad } from "./mixing.js";
import { drawNetworks, drawSizes } from "./selects.js";
import { showGlimpse, showJob, showMade, showNothing, showPhoto, startStage } from "./stage.js";
import { UNLEARNT, UNTIMED, VERBS } from "./texts.js";

let received = 0; // when the last snapshot was
let begun = null; // the optimisation that this tab has asked for, until it is among the jobs
let shown = { what: "glimpse" }; // or photo, job or made, with its id

// ---- what is drawn ----

function draw() {
  settle();
  const { kind } = choice;
  for (const tab of document.querySelectorAll("[role=tab]")) {
    tab.setAttribute("aria-selected", String(tab.dataset.kind === kind));
    tab.tabIndex = tab.dataset.kind === kind ? 0 : -1;
  }
  $("controls").setAttribute("aria-labelledby", `tab-${kind}`);
  for (const part of document.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(kind);
  drawPictures($("photos"), photos(), {
    role: "photo", chosen: new Set([choice.photo]), onChoose: choosePhoto, onRemove: remove, onAdd: () => pick("photo"),
  });
  drawNetworks();
  drawPaintings();
  drawStyleGroup();
  drawMixing();
  drawSizes();
  for (const output of document.querySelectorAll("output[for]")) output.value = `${Math.round(100 * $(output.htmlFor.value).value)} %`;
  $("go").textContent = VERBS[kind];
  drawMade(server.made, (id) => show({ what: "made", id }));
  drawWork();
  drawStage();
}

function drawPaintings() {
  const learns = choice.kind === "paint";
  $("paintings-group").hidden = learns ? !network()?.mixes : choice.kind !== "optimize";
  $("paintings-title").textContent = learns ? "Or any painting, learnt in a minute" : "Style, one to four pictures";
  drawPictures($("paintings"), server.pictures.filter((one) => one.role === "style"), {
    role: "style", chosen: new Set(learns ? [choice.painting] : paintings.keys()), onChoose: choosePainting, onRemove: remove, onAdd: () => pick("style"),
  });
}

function drawStyleGroup() {
  const net = network();
  const painting = choice.kind === "paint" && net;
  $("styles-group").hidden = !painting || net.styles.length < 2;
  $("mix-label").hidden = !net?.mixes;
  if (painting) drawStyles(styleCells(net, choice.photo), new Set(choice.painting ? [] : styles.keys()), chooseStyle);
}

function drawMixing() {
  const paints = choice.kind === "paint";
  const mixes = paints ? $("mix").checked && network()?.mixes && !choice.painting : choice.kind === "optimize" && paintings.size > 1;
  $("mixture").hidden = !mixes;
  if (!mixes) return;
  placeMixture(paints);
  drawMixture(weights(), paints ? styleCells(network(), choice.photo) : new Map(server.pictures.map((one) => [one.id, pictureCell(one)])), mixed);
}

function drawWork() {
  drawJobs(server.jobs, (performance.now() - received) / 1000, stop, (id) => show({ what: "job", id }));
  const running = server.jobs.find((job) => job.state === "running");
  drawCurves(running);
  if (server.jobs.some((job) => job.id === begun)) {
    $("jobs").scrollIntoView({ block: "nearest" }); // on a phone the button is far below it
    begun = null;
  }
  drawTitle(running);
}

function drawStage() {
  const job = server.jobs.find((one) => one.id === shown.id);
  const made = server.made.find((one) => one.id === shown.id);
  const photo = server.pictures.find((one) => one.id === choice.photo);
  if (made) showMade(made, server.pictures.some((one) => one.id === made.photo) ? made.photo : null);
  else if (job) showJob(job, server.pictures.some((one) => one.id === job.photo) ? job.photo : null);
  else if (shown.what === "glimpse" && shown.blob) showGlimpseOnce();
  else if (choice.kind === "texture") showNothing("A texture made of noise will stand here.");
  else if (photo) showPhoto(photo.id, shown.unlearnt ? UNLEARNT : `${photo.name} · ${photo.width} × ${photo.height} px`);
}

function showGlimpseOnce() {
  const painting = server.pictures.find((one) => one.id === choice.painting);
  const names = painting ? [painting.name] : [...styles.keys()];
  const caption = names.map(words).join(" + ") || words(network()?.name ?? "");
  showGlimpse(shown.blob, choice.photo, caption);
}

function show(what) {
  shown = what;
  draw();
}

function say(text) {
  $("error").textContent = text;
  $("error").hidden = !text;
  if (text) $("error").scrollIntoView({ block: "nearest" });
}

// ---- glimpses: one in flight, and then the newest wish ----

let asking = false;
let next = null;

async function glimpse(fine) {
  const net = network();
  if (choice.kind !== "paint" || !net || !choice.photo) return;
  if (asking) { next = fine; return; }
  asking = true;
  $("frame").setAttribute("aria-busy", "true");
  try {
    const answer = await post(`/api/glimpse${fine ? "?fine" : ""}`, wish());
    const look = answer.status === 204 ? { unlearnt: true } : { blob: await answer.blob() };
    if (choice.kind === "paint" && shown.what === "glimpse") show({ what: "glimpse", ...look });
    if (fine) plan(); // its pace is known now
    say("");
  } catch (error) { say(error.message); }
  asking = false;
  if (next === null) $("frame").removeAttribute("aria-busy");
  else { const wanted = next; next = null; glimpse(wanted); }
}

// ---- what happens ----

function changed({ fine = true, look = true } = {}) {
  remember();
  if (look) shown = choice.kind === "paint" ? { what: "glimpse", blob: shown.blob } : { what: "photo" };
  draw();
  if (look) glimpse(fine);
  plan();
}

let planned;
function plan() {
  clearTimeout(planned);
  planned = setTimeout(async () => {
    try {
      const { command, seconds, missing } = await (await post("/api/plan", wish())).json();
      $("command").replaceChildren(...wrapping(command));
      $("plan").textContent = missing || (seconds === null ? UNTIMED[choice.kind] : `Takes ${about(seconds)}`);
      $("go").disabled = Boolean(missing);
    } catch (error) { say(error.message); }
  }, 120);
}

function mixed(given, done) {
  for (const [name, weight] of given) weights().set(name, weight);
  changed({ fine: done, look: choice.kind === "paint" });
}

function change(map, name, several) {
  toggle(map, name, several);
  changed();
}

function chooseStyle(name) {
  if (choice.painting && styles.has(name)) styles.delete(name); // it is not to be taken out
  choice.painting = "";
  change(styles, name, $("mix").checked && network().mixes);
}

function choosePainting(id) {
  if (choice.kind === "optimize") return change(paintings, id, true);
  choice.painting = choice.painting === id ? "" : id;
  changed();
}

function choosePhoto(id) {
  choice.photo = id;
  changed();
}

async function attempt(work) {
  try { say(""); return await work(); } catch (error) { say(error.message); return null; }
}

async function begin() {
  const job = await attempt(async () => (await post("/api/jobs", wish())).json());
  if (!job) return;
  if (choice.kind === "optimize") begun = job.id;
  show({ what: "job", id: job.id });
}

const stop = (id) => attempt(() => call("DELETE", `/api/jobs/${id}`));
const remove = (id) => attempt(() => call("DELETE", `/api/pictures/${id}`));

async function take(files, role) {
  for (const file of files) {
    const given = await attempt(() => give(file, role));
    if (!given) return;
    if (!server.pictures.some((one) => one.id === given.id)) server.pictures.push(given);
    if (role === "style") choosePainting(given.id);
    else choosePhoto(given.id);
  }
}

function pick(role) {
  $("upload").dataset.role = role;
  $("upload").click();
}

function startControls() {
  for (const [id, value] of Object.entries(choice.fields)) {
    if ($(id).type === "checkbox") $(id).checked = value; else $(id).value = value;
  }
  for (const tab of document.querySelectorAll("[role=tab]")) tab.onclick = () => { choice.kind = tab.dataset.kind; say(""); changed(); };
  for (const id of ["strength", "balance"]) {
    $(id).oninput = () => changed({ fine: false, look: id === "strength" });
    $(id).onchange = () => changed({ look: id === "strength" });
  }
  for (const id of ["iterations", "width", "height", "seed"]) $(id).oninput = () => changed({ look: false });
  $("preset").onchange = () => changed({ look: false });
  $("colors").onchange = () => changed({ look: choice.kind === "paint" });
  $("mix").onchange = () => { while (!$("mix").checked && styles.size > 1) styles.delete([...styles.keys()].pop()); changed(); };
  $("network").onchange = () => { choice.networks[choice.kind] = $("network").value; changed(); };
  $("size").onchange = () => { choice.sizes[choice.kind] = Number($("size").value) || null; changed({ look: choice.kind === "paint" }); };
  $("dice").onclick = () => { $("seed").value = Math.floor(Math.random() * 2 ** 32); changed({ look: false }); };
  $("own").onsubmit = (event) => { event.preventDefault(); openOwn(); };
  $("go").onclick = begin;
  copies($("copy"), $("command"));
  $("upload").onchange = async () => { await take([...$("upload").files], $("upload").dataset.role); $("upload").value = ""; };
  $("reuse").onclick = async () => {
    const { made, name } = $("reuse").dataset;
    const blob = await (await call("GET", urls.made(made, "png"))).blob();
    take([new File([blob], name)], "photo");
  };
}

async function openOwn() {
  const offer = await attempt(async () => (await post("/api/networks", { file: $("file").value })).json());
  if (!offer) return;
  if (!server.networks.some((one) => one.name === offer.name)) server.networks.push(offer);
  choice.kind = offer.kind;
  choice.networks[offer.kind] = offer.name;
  changed();
}

// ---- the program behind it ----

let lost = false;

function onLost() {
  lost = true;
  say("stylize page has ended: start it again in the terminal");
}

function onSnapshot(snapshot) {
  if (lost) say("");
  lost = false;
  const first = !received;
  const before = { ...server };
  Object.assign(server, snapshot);
  received = performance.now();
  if (first && server.jobs.length) shown = { what: "job", id: server.jobs[0].id };
  else if (wasRemoved(shown.id, before) && server.jobs.length) shown = { what: "job", id: server.jobs[0].id };
  else if (first && choice.kind !== "paint" && server.made.length) shown = { what: "made", id: server.made[0].id };
  announce(before, first);
  draw();
  if (first) { say(""); plan(); if (!shown.id) glimpse(true); }
}

// Whether a job was taken out of the queue since the snapshot before, and made nothing.
const wasRemoved = (id, before) =>
  before.jobs.some((one) => one.id === id) && ![...server.jobs, ...server.made].some((one) => one.id === id);

function announce(before, first) {
  const fresh = server.made.find((one) => !before.made.some((old) => old.id === one.id));
  const failed = server.jobs.find((job) => job.state === "failed" && !before.jobs.some((old) => old.id === job.id && old.state === "failed"));
  if (failed) $("status").textContent = `error: ${failed.error}`;
  else if (fresh && !first) $("status").textContent = `Done: ${fresh.title}`;
  if (fresh) plan();
}

history.replaceState(null, "", "/"); // the token stays out of sight
startControls();
startDrops((files, target) => take(files, $("paintings-group").contains(target) ? "style" : "photo"));
startStage(() => drawStage());
startPad(() => [...weights().keys()], mixed);
arrows($("photos"), { choose: true });
arrows(document.querySelector(".tabs"), { choose: true });
arrows($("styles"), { choose: false });
arrows($("paintings"), { choose: false });
setInterval(drawWork, 1000);
watch(onSnapshot, onLost);
