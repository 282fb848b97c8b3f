// Who has fired: a picture of each population, with a pixel for each neuron.
import { fail } from "./asking.js";
import { lesion, lesionOf } from "./changing.js";
import * as draw from "./draw.js";
import { select } from "./neuron.js";
import { hitOf } from "./signed.js";
import { $, differs, element, full, nameOf, page, patch, register } from "./state.js";

const GAINED = 3, LOST = 8, LESIONED = 9; // places in the palette

// A click or a key on a neuron: show it, or lesion it or its map.
export function touch(layer, neuron, how = $("click").value) {
  const { maps } = page.plans[layer], map = neuron % maps;
  page.focus[layer] = neuron;
  if (how === "silenced" && lesionOf(layer, neuron) === "maps") {
    fail(new Error(`map ${layer}:${map} is lesioned already, with this neuron; remove the lesion of the map first`));
  } else if (how === "silenced") lesion("silenced", layer, neuron);
  else if (how === "maps" && maps === 1) fail(new Error(`${layer} has no maps; choose the lesion of a neuron`));
  else if (how === "maps") lesion("maps", layer, map);
  else select({ layer, neuron });
}

function show() {
  const { spikes, before, cursor, plans, view } = page, compared = differs();
  const [gained, lost, lesioned] = [GAINED, LOST, LESIONED].map((k) => draw.packed(draw.rgb(draw.colourOf(k))));
  for (const { name, window, spikes: count } of page.header.populations) {
    const now = spikes[name], then = before[name], seen = full(window), hurt = view.silenced?.[name] || view.maps?.[name];
    draw.picture($(`map-${name}`), plans[name], (n) => {
      if (hurt && lesionOf(name, n)) return lesioned;
      const fired = now[n] <= cursor, had = then[n] <= cursor;
      if (compared && fired && then[n] === Infinity) return gained;
      if (compared && had && now[n] === Infinity) return lost;
      return fired ? draw.latencyColour(now[n], seen) : 0;
    });
    let fired = 0;
    for (const time of now) fired += time <= cursor;
    $(`count-${name}`).textContent = `${name}: ${fired} of ${now.length} have fired, ${count} in all`;
  }
  for (const { name } of page.header.populations) mark(name); // when all captions have their heights
}

// Outline the neuron in focus on its map.
function mark(name) {
  const ring = $(`ring-${name}`), canvas = $(`map-${name}`);
  ring.hidden = page.focus[name] === undefined;
  if (ring.hidden) return;
  const [x, y] = draw.place(page.plans[name], page.focus[name]), zoom = canvas.clientWidth / canvas.width;
  Object.assign(ring.style, { left: `${canvas.offsetLeft + x * zoom - 3}px`, top: `${canvas.offsetTop + y * zoom - 3}px` });
  ring.style.width = ring.style.height = `${zoom + 6}px`;
}

function showKey() {
  const ramp = element("span", "", { class: "ramp" });
  ramp.style.background = `linear-gradient(to right, ${draw.rampOfLatencies().join(", ")})`;
  const parts = [["fires only now", GAINED], ["fired only in A", LOST], ["lesioned", LESIONED]];
  const silent = patch(draw.css("--panel"), "silent"), changed = parts.map(([text, k]) => patch(draw.colourOf(k), text));
  $("key").replaceChildren("early in its firing window", ramp, "late", silent, ...changed);
}

function onkey(canvas, name, event) {
  const { focus, plans } = page;
  const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
  const how = { Enter: "why", l: "silenced", m: "maps" }[event.key];
  if (how && focus[name] !== undefined) touch(name, focus[name], how);
  if (!move && !how) return;
  event.preventDefault();
  if (!move) return;
  const [x, y] = draw.place(plans[name], focus[name] ?? 0);
  for (const far of [1, 2]) { // over the gap between two maps
    const to = draw.neuronAt(plans[name], x + far * move[0], y + far * move[1]);
    if (to === null || x + far * move[0] < 0) continue;
    focus[name] = to;
    break;
  }
  show();
  $("time").textContent = nameOf(name, focus[name] ?? 0);
}

function start() {
  for (const { name } of page.about.populations) {
    const label = `${name}; arrow keys move, Enter shows the neuron, L lesions it${page.plans[name].maps > 1 ? ", M its map" : ""}`;
    const canvas = element("canvas", "", { id: `map-${name}`, tabindex: 0, "aria-label": label });
    canvas.addEventListener("click", (event) => {
      const hit = hitOf(canvas, name, event);
      if (hit !== null) touch(name, hit);
    });
    canvas.addEventListener("keydown", (event) => onkey(canvas, name, event));
    const figure = element("figure");
    figure.append(element("figcaption", "", { id: `count-${name}` }), canvas, element("i", "", { id: `ring-${name}`, class: "ring" }));
    $("maps").append(figure);
  }
  const hasMaps = page.about.populations.slice(1).some((each) => page.plans[each.name].maps > 1);
  $("click").querySelector("[value=maps]").hidden = !hasMaps;
  $("keys").textContent = `On a picture, arrow keys move, Enter shows the neuron, L lesions it${hasMaps ? ", and M lesions its map" : ""}. Rows, columns and numbers count from 0.`;
  showKey();
}

register({
  start,
  show,
  move: show,
  theme() {
    showKey();
    show();
  },
});
