// What all parts of the page share: the state of the page, the views, and small helpers for text and elements.

export const page = {
  about: null, // what the server tells once
  view: {}, // the state, as `netsim.exploring.View` defines it
  pinned: null, // A: null for the unchanged network, "exact" for exact times, or a view
  spikes: {}, // latencies by population
  before: {}, // latencies of A
  header: null, // the rest of the latest answer
  cursor: 0, // time (ms)
  trail: [], // neurons that were looked at, the latest last
  focus: {}, // the neuron with the ring, by population
  plans: {}, // where neurons lie in pictures, by population
  stored: null, // answers of the demo
};

// A view of the page is a file that registers functions, each of them optional:
// start() once; show() with each answer; move() with each move of the time cursor; change() when the state changes;
// theme() when the colours of the page change.
const views = [];

export function register(view) {
  views.push(view);
}

export function every(event) {
  for (const view of views) view[event]?.();
}

export const $ = (id) => document.getElementById(id);

// Make an element with text, and attributes or listeners.
export function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  return made;
}

export function item(text, onclick) {
  const made = element("li");
  made.append(element("button", text, { onclick }));
  return made;
}

// Fill a table. A cell is a text, a number or an element, and the first of a row is its header.
export function fill(table, columns, rows) {
  const head = element("thead"), body = element("tbody"), titles = element("tr");
  titles.append(...columns.map((text) => element("th", text, { scope: "col" })));
  head.append(titles);
  for (const cells of rows) {
    const row = element("tr");
    cells.forEach((cell, k) => {
      const made = element(k ? "td" : "th");
      made.append(cell);
      row.append(made);
    });
    body.append(row);
  }
  table.replaceChildren(head, body);
}

// A small square of a colour with its meaning, for keys.
export function patch(colour, text, opacity = 1) {
  const made = element("span"), square = element("i");
  square.style.background = colour;
  square.style.opacity = opacity;
  made.append(square, text);
  return made;
}

export function rounded(value) {
  return value === null ? "–" : String(+value.toPrecision(3)).replace("-", "−");
}

// A sum of whole numbers with its noun.
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

export const input = () => page.about.populations[0];
export const output = () => page.about.populations.at(-1);

export function className(number) {
  return number === null || number < 0 ? "none" : page.about.classes[number] ?? String(number);
}

export function pixelNoun() {
  return input().shape[0] === 1 ? "input" : "pixel";
}

export function nameOf(layer, neuron) {
  const plan = page.plans[layer];
  if (layer === output().name) return `${layer}:${neuron} (${className(neuron)})`;
  if (plan.flat) return `${layer}:${neuron}`;
  const at = Math.floor(neuron / plan.maps), map = plan.maps > 1 ? `, map ${neuron % plan.maps}` : "";
  return `${layer}:${neuron} (row ${Math.floor(at / plan.columns)}, column ${at % plan.columns}${map})`;
}

export function differs() {
  return page.header.populations.some((each) => each.gained || each.lost || each.moved);
}

// A firing window (ms), within the presentation.
export function full([onset, end]) {
  return [onset ?? 0, end ?? page.about.duration];
}

export function bytesOf(text) {
  return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
}

export function textOf(levels) {
  return btoa(Array.from(levels, (level) => String.fromCharCode(level)).join(""));
}
