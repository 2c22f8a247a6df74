// The large picture: a glimpse, one in the making, or one that is made.

import { urls } from "./api.js";
import { $, duration } from "./dom.js";

let glimpsed = { blob: null, source: "" };

export function showPhoto(id, caption) {
  show(urls.photo(id), { caption });
}

export function showGlimpse(blob, photo, caption) {
  if (glimpsed.blob !== blob) {
    const old = glimpsed.source;
    glimpsed = { blob, source: URL.createObjectURL(blob) };
    if (old) setTimeout(() => URL.revokeObjectURL(old), 2000); // when it is no longer shown
  }
  show(glimpsed.source, { photo, caption, badge: "Preview" });
}

// Until there is something of it to see, its photo stands for it; null for a texture.
export function showJob(job, photo) {
  const badge = { running: job.task, waiting: "Waiting", failed: "Failed" }[job.state];
  if (job.shown) show(urls.emerging(job), { caption: job.title, badge: "In the making" });
  else if (photo) show(urls.photo(photo), { caption: job.title, badge });
  else showNothing(badge, { caption: job.title, badge });
}

export function showMade(made, photo) {
  const caption = `${made.title} · ${made.width} × ${made.height} px · ${duration(made.seconds)}`;
  show(urls.made(made.id, "png"), { caption, photo, made });
}

export function showNothing(text, options = {}) {
  $("picture").removeAttribute("src");
  delete $("picture").dataset.next;
  $("empty").textContent = text;
  labels(options);
}

function show(source, options) {
  const picture = $("picture");
  if (picture.getAttribute("src") !== source) {
    // The old one stays until the new one is there, so that nothing flickers.
    const next = new Image();
    picture.dataset.next = source;
    next.onload = () => picture.dataset.next === source && (picture.src = source);
    next.src = source;
  }
  labels(options);
}

function labels({ caption = "", badge = "", photo = null, made = null }) {
  $("caption").textContent = caption;
  $("picture").alt = caption;
  $("badge").textContent = badge;
  $("badge").hidden = !badge;
  $("actions").hidden = !photo && !made;
  for (const id of ["png", "jpg", "reuse"]) $(id).hidden = !made;
  if (made) {
    for (const id of ["png", "jpg"]) {
      $(id).href = urls.made(made.id, id);
      $(id).download = `${made.filename}.${id}`;
    }
    $("reuse").dataset.made = made.id;
    $("reuse").dataset.name = `${made.filename}.png`;
  }
  $("compare").parentElement.hidden = !photo;
  const split = Boolean(photo) && $("compare").checked;
  if (split && $("before").getAttribute("src") !== urls.photo(photo)) $("before").src = urls.photo(photo);
  $("before").hidden = $("divide").hidden = !split;
}

export function startStage(redraw) {
  $("compare").onchange = redraw;
  $("divide").oninput = () => $("before").style.setProperty("--at", `${$("divide").value}%`);
}
