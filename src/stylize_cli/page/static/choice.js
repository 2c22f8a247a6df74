// What is chosen in this tab, and the wish that it makes. It outlives a reload.

import { $ } from "./dom.js";
import { MOST } from "./mixing.js";

const FIELDS = ["strength", "balance", "iterations", "width", "height", "seed", "colors", "mix", "preset"];

export const choice = {
  kind: "paint", photo: "", networks: {}, styles: [], paintings: [], painting: "", sizes: { paint: null, optimize: 512 },
  fields: {}, ...JSON.parse(sessionStorage.getItem("choice") ?? "{}"),
};
export const styles = new Map(choice.styles);
export const paintings = new Map(choice.paintings);
export const server = { pictures: [], networks: [], jobs: [], made: [] }; // its last snapshot

export const photos = () => server.pictures.filter((one) => one.role === "photo");
export const offers = () => server.networks.filter((one) => one.kind === choice.kind);
export const network = () => offers().find((one) => one.name === choice.networks[choice.kind]) ?? offers()[0];
export const weights = () => (choice.kind === "optimize" ? paintings : styles);

export function remember() {
  Object.assign(choice, { styles: [...styles], paintings: [...paintings] });
  for (const id of FIELDS) choice.fields[id] = $(id).type === "checkbox" ? $(id).checked : $(id).value;
  sessionStorage.setItem("choice", JSON.stringify(choice));
}

export function wish() {
  const { kind } = choice;
  const whole = (id) => Math.round(Number($(id).value)) || 0;
  if (kind === "texture") return { kind, model: network()?.name ?? "", width: whole("width"), height: whole("height"), seed: whole("seed") };
  if (kind === "enlarge") return { kind, model: network()?.name ?? "", photo: choice.photo };
  const common = { kind, photo: choice.photo, styles: Object.fromEntries(weights()), size: choice.sizes[kind], keep_colors: $("colors").checked };
  if (kind === "paint") return { ...common, model: network()?.name ?? "", painting: choice.painting, strength: Number($("strength").value) };
  return { ...common, preset: $("preset").value, balance: Number($("balance").value), iterations: whole("iterations") || null };
}

// Puts what is gone out of the choice, and something in where nothing is chosen.
export function settle() {
  if (!photos().some((one) => one.id === choice.photo)) choice.photo = photos()[0]?.id ?? "";
  const known = new Set(server.pictures.map((one) => one.id));
  for (const id of paintings.keys()) if (!known.has(id)) paintings.delete(id);
  const offered = server.networks.filter((one) => one.kind === "paint");
  const painter = offered.find((one) => one.name === choice.networks.paint) ?? offered[0];
  if (!known.has(choice.painting) || !painter?.mixes) choice.painting = "";
  for (const name of styles.keys()) if (!painter?.styles.includes(name)) styles.delete(name);
  if (!styles.size && painter?.styles.length) styles.set(painter.styles[0], 1);
}

// Takes a style into a mixture of up to four or out of it, or makes it the only one.
export function toggle(map, name, several) {
  if (map.has(name) && (several || map === paintings)) map.delete(name);
  else {
    if (!several) map.clear();
    if (map.size >= MOST) map.delete([...map.keys()][0]);
    map.set(name, several && map.size ? 0.5 : 1);
  }
  if (several && map.size > 1) for (const key of map.keys()) map.set(key, Math.round(1000 / map.size) / 1000);
}
