// The page: it asks for the spikes of its state, and shows them in all views. A view is a file that registers itself.
import { ask, fail, forgive, newest, unpack } from "./asking.js";
import { keep, nameOfA, restore, viewA } from "./changing.js";
import * as draw from "./draw.js";
import { $, className, differs, element, every, page, register, rounded } from "./state.js";
import "./stimulus.js";
import "./paper.js";
import "./plane.js";
import "./sliders.js";
import "./raster.js";
import "./race.js";
import "./deciding.js";
import "./trying.js";
import "./maps.js";
import "./neuron.js";
import "./differences.js";
import "./export.js";

let shown = 0; // answers

const refresh = newest(async (isOld) => {
  const response = await ask("spikes", { view: page.view, against: viewA() });
  const bytes = await response.arrayBuffer(), length = new DataView(bytes).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let at = 4 + length;
  const read = (size) => new Float32Array(bytes, (at += 4 * size) - 4 * size, size);
  header.races = [page.spikes, page.before].map((target, k) => {
    for (const { name, size } of page.about.populations) target[name] = read(size);
    return header.samples[k].map((count) => [read(count), read(count)]);
  });
  page.header = header;
  showDecision();
  every("show");
  document.body.dataset.shown = String(++shown);
  if (!isOld()) keep(); // browsers are slow at it, and refuse it if it comes too often
}, (busy) => (document.body.dataset.busy = String(busy)));

function inWords({ choice, tied, latency, margin, label, grid }) {
  if (choice < 0) return "no output fires";
  const right = label === null ? "" : choice === label ? (tied ? " ✗" : " ✓") : ` ✗ (label ${className(label)})`;
  const tie = tied ? ", tied" : margin === null ? ", alone" : `, ${rounded(margin)} ms before the next`;
  return `decides ${className(choice)}${right} at ${latency.toFixed(2)} ms${tie}${grid ? ` (grid of ${grid} ms)` : ""}`;
}

function showDecision() {
  const { header, pinned } = page, nothing = header.populations[0].spikes ? "" : "nothing is shown, because no input fires; ";
  const text = nothing + inWords(header.decision), a = `A: ${nameOfA()}`;
  const compared = differs() ? `${text}. ${a}, ${inWords(header.against)}` : `${text}. ${a}, has the same spikes`;
  $("decision").textContent = differs() || pinned !== null ? compared : text;
}

// The menu: a button for each part of the page that is visible.
function addMenu() {
  for (const part of document.querySelectorAll("fieldset, section")) {
    const title = part.querySelector("legend, h2");
    if (!part.id || part.offsetParent === null) continue;
    const go = () => {
      part.scrollIntoView();
      part.focus({ preventScroll: true });
    };
    part.tabIndex = -1;
    $("menu").append(element("button", title.textContent, { onclick: go }));
  }
}

// Parts that a button of the menu shows begin below the header.
function showHeight() {
  document.documentElement.style.setProperty("--header", `${document.querySelector("header").offsetHeight + 6}px`);
}

register({ change: refresh });

async function start() {
  if ($("stored")) {
    page.stored = await unpack($("stored").textContent);
    document.body.classList.add("stored");
  }
  const about = (page.about = await (await ask("about")).json());
  for (const each of about.populations) {
    each.size = each.shape.reduce((product, size) => product * size, 1);
    page.plans[each.name] = draw.layout(each.shape);
  }
  document.title = `${about.name} – netsim explore`;
  $("name").textContent = about.name;
  $("description").textContent = `${about.description} (${about.weights} weights)`;
  every("start");
  addMenu();
  document.addEventListener("input", forgive, true); // an error is about what was before
  window.addEventListener("hashchange", restore);
  new ResizeObserver(showHeight).observe(document.querySelector("header"));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => page.header && every("theme"));
  restore();
}

start().catch(fail);
