// What the page says of each kind of picture.

export const VERBS = { paint: "Paint", optimize: "Optimise", texture: "Make", enlarge: "Enlarge" };
export const UNTIMED = { // before anything like it was made
  paint: "Seconds, or a minute where a painting is new", optimize: "Minutes; it says how many once it runs",
  texture: "It says how long once it runs", enlarge: "It says how long once it runs",
};
export const UNLEARNT = "Paint learns this painting first, about a minute; then it paints at once";
