// Sliders and menus that change the stimulus and the network.
import { askSlowly, fail } from "./asking.js";
import { change, lesion, switchPixel } from "./changing.js";
import { $, className, element, input, nameOf, page, pixelNoun, register, rounded } from "./state.js";

const GRIDS = [0.25, 0.5, 1, 2, 4, 8], LISTED = 20; // time grids (ms); lesions that are listed
const known = [];

// Sliders of intensities and of studies: where their value is kept in the view, and their bounds.
function sliders() {
  const { about } = page;
  const plain = (name, text, low, high, neutral) => ({
    text, low, high,
    get: () => page.view[name] ?? neutral,
    set: (value) => ({ [name]: value === neutral ? undefined : value }),
  });
  const study = ({ name, level, summary, most }) => ({
    text: `${name.replaceAll("-", " ")}: ${level}${/\(|SD|coefficient|per /.test(level) ? "" : " (fraction)"}`,
    title: summary, low: 0, high: most,
    get: () => page.view.studies?.[name] ?? 0,
    set: (value) => {
      const { [name]: _, ...others } = page.view.studies ?? {}, all = value ? { ...others, [name]: value } : others;
      return { studies: Object.keys(all).length ? all : undefined };
    },
  });
  const of = (kind) => about.studies.filter((each) => each.stimulus === kind).map(study);
  const flat = input().shape[0] === 1, edits = [];
  if (about.sample && !flat) edits.push(plain("contrast", "contrast (factor of intensities)", 0, 2, 1));
  if (about.sample) edits.push(plain("noise", "noise on intensities, SD (fraction of the largest)", 0, 0.5, 0));
  if (!flat) edits.push(plain("occlusion", `occluded square, side (fraction${about.sample ? "; shift-click moves it" : ""})`, 0, 1, 0));
  const changes = [
    plain("threshold", "factor of all thresholds", 0.5, 1.5, 1),
    plain("delay", "additional delay of all spikes (ms)", 0, about.window / 2, 0),
  ];
  return { stimulus: [...edits, ...of(true)], changes: [...changes, ...of(false)] };
}

// The largest round step of at most a hundredth of a range.
function roundStep(range) {
  const unit = 10 ** Math.floor(Math.log10(range / 100));
  return +([5, 2, 1].map((k) => k * unit).find((each) => each <= range / 100 + 1e-12) ?? unit).toPrecision(1);
}

function addSlider(place, { text, title = text, low, high, get, set }) {
  const label = element("div", "", { class: "slider", title }), bounds = { min: low, max: high, step: roundStep(high - low) };
  const range = element("input", "", { type: "range", ...bounds, "aria-label": text });
  const number = element("input", "", { type: "number", ...bounds, "aria-label": `${text}, as a number` });
  const show = () => {
    range.value = get();
    number.value = +get().toPrecision(3);
  };
  range.addEventListener("input", () => change(set(+range.value)));
  number.addEventListener("change", () => {
    const value = inBounds(number, text, low, high);
    if (value === null) show();
    else change(set(value));
  });
  label.append(element("span", text), range, number);
  $(place).append(label);
  known.push(show);
}

// The number in a field. Outside its bounds it is refused with a message, and the result is null.
export function inBounds(field, text, low, high, whole = false) {
  const value = +field.value;
  if (field.value !== "" && value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
  fail(new Error(`${text}: must be ${whole ? "a whole number" : "a number"} from ${rounded(low)} to ${whole ? high : rounded(high)}`));
  return null;
}

function showLesions() {
  const list = $("lesions"), { view } = page;
  list.replaceChildren();
  const add = (text, title, onclick) => list.append(element("button", `${text} ✕`, { title, onclick }));
  for (const number of view.switched ?? []) {
    add(`${pixelNoun()} ${nameOf(input().name, number)}`, "switched; click to switch it back", () => switchPixel(number));
  }
  for (const [which, noun] of [["silenced", ""], ["maps", "map "]]) {
    for (const [name, chosen] of Object.entries(view[which] ?? {})) {
      for (const number of chosen.slice(0, LISTED)) {
        add(`lesion of ${noun}${name}:${number}`, "lesioned; click to restore", () => lesion(which, name, number));
      }
      if (chosen.length > LISTED) list.append(element("span", `and ${chosen.length - LISTED} more in ${name}`));
    }
  }
}

// Present the stimulus with several seeds of noise.
async function repeat() {
  const { view } = page, count = +$("repeats").value;
  const found = await askSlowly("repeats", () => ({ view: page.view, count }), $("repeated"), "Repeating …");
  if (!found) return;
  const { choices, margins, label } = found, counts = new Map(), leads = margins.filter((each) => each !== null);
  for (const each of choices) counts.set(each, (counts.get(each) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]).map(([each, times]) => `${className(each)} ${times}×`).join(", ");
  const right = label === null || label < 0 ? "" : ` ${choices.filter((each, k) => each === label && margins[k] !== 0).length} of ${choices.length} are right.`;
  const mean = leads.reduce((sum, each) => sum + each, 0) / leads.length;
  const spread = Math.sqrt(leads.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(leads.length - 1, 1));
  const lead = leads.length ? ` Lead over the next output: ${rounded(mean)} ms, SD ${rounded(spread)} ms.` : "";
  const first = view.seed ?? 0;
  $("repeated").textContent = `Seeds ${first} to ${first + choices.length - 1} decide ${sorted}.${right}${lead}`;
}

function start() {
  const { about } = page;
  for (const [place, all] of Object.entries(sliders())) for (const each of all) addSlider(place, each);
  const times = [[`as trained (${about.dt ? `grid of ${about.dt} ms` : "exact times"})`, "event:"], ["exact times", "event:0"]];
  times.push(...GRIDS.map((k) => [`grid of ${k} ms`, `event:${k}`]));
  if (about.brian2) times.push(...GRIDS.slice(1, 4).map((k) => [`Brian2, grid of ${k} ms`, `brian2:${k}`]));
  $("dt").append(...times.map(([text, value]) => element("option", text, { value })));
  $("dt").addEventListener("change", () => {
    const [engine, dt] = $("dt").value.split(":");
    change({ engine: engine === "event" ? undefined : engine, dt: dt === "" ? undefined : +dt });
  });
  $("grid").append(...GRIDS.map((k) => element("option", `a grid of ${k} ms`, { value: k })));
  $("grid").value = GRIDS.includes(about.dt) ? about.dt : 1;
  $("exact").addEventListener("click", () => change({ dt: +$("grid").value }, "exact"));
  $("regime").append(element("option", "as defined", { value: "" }), ...about.regimes.map((value) => element("option", value, { value })));
  $("regime").addEventListener("change", () => change({ regime: $("regime").value || undefined }));
  $("seed").addEventListener("change", () => {
    const seed = inBounds($("seed"), "seed", 0, 2 ** 31 - 1, true);
    if (seed === null) $("seed").value = page.view.seed ?? 0;
    else change({ seed: seed || undefined });
  });
  $("repeat").addEventListener("click", repeat);
  $("pin").addEventListener("click", () => change({}, structuredClone(page.view)));
  $("unpin").addEventListener("click", () => change({}, null));
}

register({
  start,
  change() {
    const { view, pinned } = page;
    for (const show of known) show();
    $("seed").value = view.seed ?? 0;
    $("dt").value = `${view.engine ?? "event"}:${view.dt ?? ""}`;
    $("regime").value = view.regime ?? "";
    $("unpin").hidden = pinned === null;
    $("repeated").textContent = "";
    showLesions();
  },
});
