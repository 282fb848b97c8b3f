// A neuron: its potential, its causal input spikes and its receptive field, and the way back to the stimulus.
import { ask, fail, newest } from "./asking.js";
import { keep, lesion, lesionOf } from "./changing.js";
import * as draw from "./draw.js";
import { signed } from "./signed.js";
import { $, counted, element, every, full, input, item, nameOf, output, page, register, rounded } from "./state.js";

const LISTED = 15; // causes that are listed
let told = null, traced = null;

const explain = newest(async () => {
  if (!page.trail.length) return;
  told = await (await ask("causes", { view: page.view, ...page.trail.at(-1) })).json();
  traced = null;
  show();
});

export function select(chosen) {
  page.trail.push(chosen);
  page.focus[chosen.layer] = chosen.neuron;
  keep();
  explain().then(() => $("neuron").scrollIntoView({ block: "nearest" }));
  if (page.header) every("move");
}

async function followBack() {
  traced = await (await ask("shares", { view: page.view, ...page.trail.at(-1) })).json();
  showTrace();
}

function showPotential() {
  const { latency, potential, psps, threshold, window } = told;
  $("potential").hidden = !potential;
  if (!potential) return;
  const marks = latency === null ? [] : [{ time: latency, colour: draw.colourOf(3), name: "spike" }];
  const curve = { points: potential, colour: draw.css("--ink"), wide: true };
  const parts = psps.map(({ points }) => ({ points, colour: draw.colourOf(points[1].at(-1) > 0 ? 3 : 0) }));
  draw.lines($("potential"), page.about.duration, [curve, ...parts], { threshold, marks, cursor: page.cursor, window: full(window) });
}

function inWords() {
  const { layer, neuron, latency, potential } = told, at = (time) => (time === null ? "stayed silent" : `fired at ${time.toFixed(3)} ms`);
  let when = latency === null ? "stays silent" : `fires at ${latency.toFixed(3)} ms`;
  if (told.lesioned) when = `is lesioned, would have ${at(told.otherwise)}`;
  const name = `${nameOf(layer, neuron)} ${when}.`;
  if (!potential) return name;
  return `${name} Inputs add ${rounded(told.reached - told.rest)} to the potential, current and drive ${rounded(told.rest)}. The threshold is ${rounded(told.threshold)}.`
    + ` Thick line: potential. Thin lines: what the ${told.psps.length} largest input spikes add, orange if they excite and blue if they inhibit.`;
}

function show() {
  const { layer, neuron, causes, fields } = told, isStimulus = layer === input().name, which = lesionOf(layer, neuron);
  $("which").textContent = inWords();
  $("back").hidden = page.trail.length < 2;
  $("follow-back").hidden = isStimulus;
  $("lesion").hidden = isStimulus || (told.lesioned && which === null); // by a study
  $("lesion").textContent = { silenced: "Remove lesion", maps: "Remove lesion of its map" }[which] ?? "Lesion";
  showPotential();
  const figures = [], all = [], until = told.latency === null ? "at the end" : "at its spike";
  const pick = (source) => (each) => select({ layer: source, neuron: each });
  for (const { source, neurons, times, potentials, count } of causes) {
    const text = `${source}: ${counted(count, "causal spike")}, by what each adds to the potential ${until}`;
    if (potentials) figures.push(signed(source, text, neurons, potentials, pick(source)));
    else figures.push(signed(source, `${source}: ${counted(count, "input")} that fired`, neurons, neurons.map(() => 1), pick(source), () => ["", "fired"]));
    neurons.forEach((each, k) => all.push({ layer: source, neuron: each, time: times[k], value: potentials ? potentials[k] : null }));
  }
  for (const { source, neurons, weights } of fields) {
    figures.push(signed(source, `${source}: receptive field, by weight`, neurons, weights, pick(source)));
  }
  $("fields").replaceChildren(...figures);
  if (told.potential) all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const items = all.slice(0, LISTED).map(({ layer: from, neuron: each, time, value }) => {
    const text = `${nameOf(from, each)} at ${time.toFixed(2)} ms${value === null ? "" : `: ${value > 0 ? "+" : ""}${rounded(value)}`}`;
    return item(text, () => select({ layer: from, neuron: each }));
  });
  $("causes").replaceChildren(...items);
  const by = told.potential ? `Causal input spikes, by what they add to the potential ${until}. A lesion can rank them differently, see Who decides.` : "Inputs that fired, the earliest first. The earliest makes a relay fire.";
  $("causes-title").textContent = items.length ? by : "";
  showTrace();
}

function showTrace() {
  $("trace").replaceChildren();
  if (!traced) return;
  const chain = element("ol", "", { class: "chain" });
  for (const { layer, neuron } of traced.chain) chain.append(item(nameOf(layer, neuron), () => select({ layer, neuron })));
  const text = `${counted(traced.neurons.length, "spike")} of the stimulus reach it, by their share of its potential`;
  $("trace").append(element("p", "The input spike that adds most to each potential, back to the stimulus:"), chain);
  $("trace").append(signed(input().name, text, traced.neurons, traced.shares, (neuron) => select({ layer: input().name, neuron })));
}

function start() {
  $("neuron-hint").textContent = `Click on a neuron in a picture or in the raster. The decision is made by ${output().name}.`;
  $("follow-back").addEventListener("click", () => followBack().catch(fail));
  $("back").addEventListener("click", () => {
    page.trail.pop();
    keep();
    explain();
  });
  $("lesion").addEventListener("click", () => {
    const which = lesionOf(told.layer, told.neuron) ?? "silenced";
    lesion(which, told.layer, which === "maps" ? told.neuron % page.plans[told.layer].maps : told.neuron);
  });
}

register({
  start,
  change: explain,
  move() {
    if (told) showPotential();
  },
  theme() {
    if (told && page.trail.length) show();
  },
});
