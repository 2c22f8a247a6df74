// Pictures that are dropped on the page, or pasted.

import { $ } from "./dom.js";

// Calls back with the files and with what they were dropped on.
export function startDrops(onFiles) {
  let inside = 0;
  const has = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => { if (has(event)) { inside += 1; $("drop").hidden = false; } });
  addEventListener("dragleave", () => { inside = Math.max(0, inside - 1); $("drop").hidden = inside === 0; });
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    inside = 0;
    $("drop").hidden = true;
    onFiles([...(event.dataTransfer?.files ?? [])], event.target);
  });
  addEventListener("paste", (event) => onFiles([...(event.clipboardData?.files ?? [])], null));
}
