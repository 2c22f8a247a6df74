// The networks and the sizes that there are to choose from.

import { choice, network, offers } from "./choice.js";
import { $ } from "./dom.js";

const SIZES = { paint: [null, 512, 768, 1024, 1536, 2048], optimize: [256, 384, 512, 768, 1024, 1536] };

export function drawNetworks() {
  const names = offers().map((one) => one.name);
  if ($("network").dataset.names !== names.join("\n")) {
    $("network").dataset.names = names.join("\n");
    $("network").replaceChildren(...names.map((name) => new Option(name.split(/[\\/]/).pop(), name)));
  }
  $("network").value = network()?.name ?? "";
}

export function drawSizes() {
  const sizes = SIZES[choice.kind];
  if (!sizes) return;
  if ($("size").dataset.kind !== choice.kind) {
    $("size").dataset.kind = choice.kind;
    $("size").replaceChildren(...sizes.map((px) => new Option(px ? `${px} px` : "The photo’s own", px ?? "")));
  }
  $("size").value = choice.sizes[choice.kind] ?? "";
}
