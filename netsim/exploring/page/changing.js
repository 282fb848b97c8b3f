// Changes of the state, their history, and the link that restores it.
import { fail, forgive, isChanged } from "./asking.js";
import { $, every, input, page } from "./state.js";

const past = [], future = [], MOST = 100, TOGETHER = 800; // steps, and ms within which moves of a slider are one step
let latest = { kind: "", time: 0 };

function snapshot() {
  return JSON.stringify({ view: page.view, pinned: page.pinned });
}

function remember(kind) {
  const time = Date.now();
  if (kind !== latest.kind || time - latest.time > TOGETHER) past.push(snapshot());
  past.splice(0, past.length - MOST);
  future.length = 0;
  latest = { kind, time };
}

// Change the view, and A if it is given.
export function change(parts, pinned = page.pinned) {
  if (page.stored && isChanged({ ...page.view, ...parts })) return fail(new Error("this demo cannot be changed; netsim explore can"));
  remember(Object.keys(parts).join());
  page.view = { ...page.view, ...parts };
  page.pinned = pinned;
  for (const name of Object.keys(page.view)) if (page.view[name] === undefined) delete page.view[name];
  settle();
}

function settle() {
  forgive(); // a question that fails again shows it again
  $("undo").disabled = !past.length;
  $("redo").disabled = !future.length;
  every("change");
}

export function reset() {
  const cleared = Object.fromEntries(Object.keys(page.view).filter((name) => name !== "index").map((name) => [name, undefined]));
  latest.kind = "";
  change(cleared, null);
}

function go(from, to) {
  if (!from.length) return;
  to.push(snapshot());
  Object.assign(page, JSON.parse(from.pop()));
  latest.kind = "";
  settle();
}

export const undo = () => go(past, future);
export const redo = () => go(future, past);

// The view that A is.
export function viewA() {
  const { view, pinned, about } = page;
  if (pinned === "exact") return { ...view, dt: 0, engine: undefined };
  return pinned ?? { index: view.index, drawing: about.plane ? view.drawing : undefined };
}

export function nameOfA() {
  const { view, pinned, about } = page, stimulus = (of) => (of.drawing ? "a drawing" : `stimulus ${of.index ?? 0}`);
  if (pinned === "exact") return "the same stimulus, exact times";
  if (pinned !== null) return `the pinned view of ${stimulus(pinned)}`;
  if (about.plane) return "the same point, unchanged network";
  return `test stimulus ${view.index ?? 0} and network, unchanged`;
}

// Show another test stimulus. Changes of the network stay.
export function choose(index) {
  const { count } = page.about;
  $("rival").value = ""; // a rival belongs to a stimulus
  change({ index: ((index % count) + count) % count || undefined, drawing: undefined, switched: undefined });
}

export function setDrawing(levels) {
  page.header.sample = levels;
  // a drawing is what is seen, so that its intensities are not changed once more
  change({ drawing: levels, contrast: undefined, noise: undefined, occlusion: undefined, occluded: undefined, switched: undefined });
}

// Switch a pixel of the stimulus off, or on. Once more restores it.
export function switchPixel(number) {
  const chosen = new Set(page.view.switched);
  if (!chosen.delete(number)) chosen.add(number);
  change({ switched: chosen.size ? [...chosen].sort((a, b) => a - b) : undefined });
}

// Lesion a neuron ("silenced") or a map ("maps"), or restore it.
export function lesion(which, layer, number) {
  if (layer === input().name) return fail(new Error("the stimulus cannot be lesioned; occlude or erase it, or switch its parts with Try each"));
  const all = { ...page.view[which] }, chosen = new Set(all[layer]);
  if (!chosen.delete(number)) chosen.add(number);
  all[layer] = [...chosen].sort((a, b) => a - b);
  if (!chosen.size) delete all[layer];
  change({ [which]: Object.keys(all).length ? all : undefined });
}

// How the view lesions a neuron: itself, its map, or not at all.
export function lesionOf(layer, neuron) {
  if (page.view.silenced?.[layer]?.includes(neuron)) return "silenced";
  return page.view.maps?.[layer]?.includes(neuron % page.plans[layer].maps) ? "maps" : null;
}

// Write the state into the address: the view, and after ~ what else the page shows.
export function keep() {
  if (page.stored) return;
  const { view, pinned, trail, cursor, about } = page, label = $("label").value;
  const also = { pinned: pinned ?? undefined, neuron: trail.at(-1), time: cursor < about.duration ? cursor : undefined, label: label || undefined };
  const rest = Object.values(also).some((each) => each !== undefined) ? `~${encoded(also)}` : "";
  history.replaceState(null, "", `#${encoded(view)}${rest}`);
}

function encoded(state) {
  const bytes = new TextEncoder().encode(JSON.stringify(state));
  return btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))
    .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function decoded(text) {
  if (!text) return {};
  const bytes = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(new TextDecoder().decode(Uint8Array.from(bytes, (each) => each.charCodeAt(0))));
}

export function restore() {
  let state = {}, also = {}, broken = false;
  try {
    [state, also] = location.hash.slice(1).split("~").concat("").slice(0, 2).map(decoded);
  } catch {
    broken = true;
  }
  page.view = state;
  page.pinned = also.pinned ?? null;
  page.cursor = also.time ?? page.about.duration;
  page.trail = page.plans[also.neuron?.layer] ? [also.neuron] : [];
  for (const { layer, neuron } of page.trail) page.focus[layer] = neuron;
  $("label").value = also.label ?? "";
  past.length = future.length = 0;
  settle();
  if (broken) fail(new Error("the link is broken: its end is no state of the explorer, so this is the first stimulus; copy the link again"));
}
