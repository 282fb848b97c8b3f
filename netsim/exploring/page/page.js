// The page: its state is a view, as `netsim.exploring.View` defines it. The server answers questions about views.
import * as draw from "./draw.js";

const $ = (id) => document.getElementById(id);
let about, view = {}, pinned = null, spikes = {}, before = {}, header = null, cursor = 0, trail = [], told = null;
let focus = {}, plans = {}, playing = null, points = null, shown = 0, traced = null, outcome = null, stored = null, later, wrongOf = null, closest = null;
const me = Math.random().toString(36).slice(2), asked = {};

// Make an element with text, and attributes or listeners.
function element(name, text = "", attributes = {}) {
  const made = document.createElement(name);
  made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value);
  }
  return made;
}

// Questions -----------------------------------------------------------------------------------------------------------

// Ask the server. A newer question of the same kind ends an older one, here and in the server.
async function ask(question, content = {}) {
  if (stored) return answerOf(question, content);
  asked[question]?.abort();
  asked[question] = new AbortController();
  const { signal } = asked[question], body = JSON.stringify(content);
  const response = await fetch(`ask/${question}`, { method: "POST", headers: { page: me }, body, signal });
  if (response.status === 409) throw new DOMException("superseded", "AbortError");
  if (!response.ok) throw new Error((await response.text()) || "the server refused; start netsim explore again");
  return response;
}

// In the demo of the documentation answers are stored in the page, because there is no server.
async function answerOf(question, { view: of, layer, neuron, part }) {
  if (isChanged(of ?? {})) throw new Error("this demo has ten unchanged presentations; netsim explore changes them");
  const kept = stored[[question, of?.index ?? 0, layer, neuron ?? part].filter((each) => each !== undefined).join(":")];
  if (kept === undefined) throw new Error("this demo has no answer stored for that; netsim explore answers it");
  return typeof kept === "string" ? new Response(bytesOf(kept)) : new Response(JSON.stringify(kept));
}

function isChanged(of) {
  return pinned !== null || Object.keys(of).some((name) => name !== "index" && of[name] !== undefined);
}

async function unpack(text) {
  const packed = new Response(bytesOf(text)).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(packed).json();
}

// Show an error until the same work succeeds, or until the next change.
function fail(error, of = null) {
  if (error.name === "AbortError") return;
  wrongOf = of;
  const lost = error instanceof TypeError ? "netsim explore has ended; start it again" : error.message;
  $("error").textContent = lost;
  $("error").hidden = false;
}

// Of each kind of question one is under way, and only the newest waits.
function newest(work, tell = () => {}) {
  let busy = false, waiting = false;
  return async function run() {
    if (busy) return void (waiting = true);
    busy = true;
    tell(true);
    try {
      await work(() => waiting);
      if (wrongOf === work) $("error").hidden = true;
    } catch (error) {
      fail(error, work);
    }
    busy = false;
    tell(waiting);
    if (waiting) {
      waiting = false;
      run();
    }
  };
}

const refresh = newest(async (isOld) => {
  const response = await ask("answer", { view, against: pinned });
  const bytes = await response.arrayBuffer(), length = new DataView(bytes).getUint32(0, true);
  header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let at = 4 + length;
  const read = (size) => new Float32Array(bytes, (at += 4 * size) - 4 * size, size);
  header.races = [spikes, before].map((target, k) => {
    for (const { name, size } of about.populations) target[name] = read(size);
    return header.samples[k].map((count) => [read(count), read(count)]);
  });
  show();
  if (!isOld()) keep();  // browsers are slow at it, and refuse it if it comes too often
}, (busy) => (document.body.dataset.busy = String(busy)));

const explain = newest(async () => {
  if (!trail.length) return;
  told = await (await ask("why", { view, ...trail[trail.length - 1] })).json();
  traced = null;
  showNeuron();
});

async function followBack() {
  traced = await (await ask("trace", { view, ...trail[trail.length - 1] })).json();
  showTrace();
}

async function tryEach() {
  const [part, layer] = $("part").value.split(":"), rival = $("rival").value === "" ? undefined : +$("rival").value;
  $("outcome").textContent = "Trying …";
  try {
    outcome = await (await ask("each", { view, layer, part, rival, count: +$("count").value })).json();
    showOutcome();
  } catch (error) {
    if (error.name !== "AbortError") $("outcome").textContent = "";
    fail(error);
  }
}

const replane = newest(async (isOld) => {
  points = null;
  for (const part of [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]) {
    if (isOld()) return;
    const { side, parts, choice } = await (await ask("plane", { view, part })).json();
    points ??= { side, choice: Array(side * side), sure: [] };
    for (let row = part; row < side; row++) {  // rows that are not known yet look like the last known one
      const from = Math.floor((row - part) / parts) * side, known = (row - part) % parts === 0;
      for (let k = 0; k < side; k++) {
        if (known || points.sure[row] === undefined) points.choice[row * side + k] = choice[from + k];
      }
      if (known) points.sure[row] = true;
    }
    showPlane();
  }
});

function changed(change, ofNetwork = true) {
  if (stored && isChanged({ ...view, ...change })) return fail(new Error("this demo cannot be changed; netsim explore can"));
  $("error").hidden = true;  // a question that fails again shows it again
  for (const id of ["searched", "repeated"]) $(id).textContent = "";
  Object.assign(view, change);
  for (const name of Object.keys(view)) if (view[name] === undefined) delete view[name];
  refresh();
  clearTimeout(later);
  if (outcome) later = setTimeout(tryEach, 400);
  explain();
  if (about.plane && ofNetwork) replane();
}

// Write the state into the address: the view, and after ~ what else the page shows.
function keep() {
  const also = { pinned: pinned ?? undefined, neuron: trail[trail.length - 1], time: cursor < about.duration ? cursor : undefined };
  const rest = Object.values(also).some((each) => each !== undefined) ? `~${encoded(also)}` : "";
  if (!stored) history.replaceState(null, "", `#${encoded(view)}${rest}`);
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

// Controls ------------------------------------------------------------------------------------------------------------

// Sliders of intensities and of studies: where their value is kept in the view, and their bounds.
function sliders() {
  const plain = (name, text, low, high, neutral) => ({
    text, low, high, neutral,
    get: () => view[name] ?? neutral,
    set: (value) => ({ [name]: value === neutral ? undefined : value }),
  });
  const study = ({ name, level, summary, most }) => ({
    text: sliderText(name.replaceAll("-", " "), level), title: summary, low: 0, high: most, neutral: 0,
    get: () => view.studies?.[name] ?? 0,
    set: (value) => ({ studies: { ...view.studies, [name]: value || undefined } }),
  });
  const of = (kind) => about.studies.filter((each) => each.stimulus === kind).map(study);
  const flat = about.populations[0].shape[0] === 1;
  const edits = about.sample && !flat ? [plain("contrast", "contrast (factor of intensities)", 0, 2, 1)] : [];
  if (about.sample) edits.push(plain("noise", "noise on intensities, SD (fraction of the largest)", 0, 0.5, 0));
  if (!flat) edits.push(plain("occlusion", "occluded square, side (fraction; shift-click moves it)", 0, 1, 0));
  const changes = [
    plain("threshold", "factor of all thresholds", 0.5, 1.5, 1),
    plain("delay", "additional delay of all spikes (ms)", 0, about.window / 2, 0),
  ];
  return { stimulus: [...edits, ...of(true)], changes: [...changes, ...of(false)] };
}

// The name of a study and what its level means, with its unit.
function sliderText(name, level) {
  const unit = /\(|SD|coefficient|per /.test(level) ? "" : " (fraction)";
  return `${name}: ${level}${unit}`;
}

// The largest round step of at most a hundredth of a range.
function roundStep(range) {
  const unit = 10 ** Math.floor(Math.log10(range / 100));
  return +([5, 2, 1].map((k) => k * unit).find((each) => each <= range / 100 + 1e-12) ?? unit).toPrecision(1);
}

const known = [];

function addSliders() {
  for (const [id, all] of Object.entries(sliders())) {
    for (const each of all) {
      const label = element("div", "", { class: "slider", title: each.title || each.text }), step = roundStep(each.high - each.low);
      const bounds = { min: each.low, max: each.high };
      const input = element("input", "", { type: "range", ...bounds, step, "aria-label": each.text });
      const number = element("input", "", { type: "number", ...bounds, step, "aria-label": `${each.text}, as a number` });
      const set = (value) => {
        const change = each.set(value);
        if (change.studies) {
          for (const name of Object.keys(change.studies)) if (!change.studies[name]) delete change.studies[name];
          if (!Object.keys(change.studies).length) change.studies = undefined;
        }
        changed(change, id === "changes");
      };
      const shown = () => {
        input.value = each.get();
        number.value = rounded(each.get());
      };
      input.addEventListener("input", () => {
        number.value = rounded(+input.value);
        set(+input.value);
      });
      number.addEventListener("change", () => {
        const value = inBounds(number, each.text, each.low, each.high);
        if (value !== null) set(value);
        shown();
      });
      label.append(element("span", each.text), input, number);
      $(id).append(label);
      known.push(shown);
    }
  }
}

// The number in a field. Outside its bounds it is refused with a message, and the result is null.
function inBounds(field, text, low, high, whole = false) {
  const value = +field.value;
  if (field.value !== "" && value >= low && value <= high && (!whole || Number.isInteger(value))) return value;
  fail(new Error(`${text}: must be ${whole ? "a whole number" : "a number"} from ${rounded(low)} to ${whole ? high : rounded(high)}`));
  return null;
}

function rounded(value) {
  return value === null ? "–" : String(+value.toPrecision(3));
}

function showControls() {
  known.forEach((update) => update());
  $("index").value = view.index ?? 0;
  $("seed").value = view.seed ?? 0;
  $("dt").value = `${view.engine ?? "event"}:${view.dt ?? ""}`;
  $("regime").value = view.regime ?? "";
  const list = $("lesions");
  list.replaceChildren();
  for (const number of view.switched ?? []) {
    const text = `${pixelNoun()} ${nameOf(about.populations[0].name, number)} ✕`;
    list.append(element("button", text, { title: "switched; click to switch it back", onclick: () => switchPixel(number) }));
  }
  for (const which of ["silenced", "maps"]) {
    for (const [name, chosen] of Object.entries(view[which] || {})) {
      for (const number of chosen.slice(0, 20)) {
        const text = `lesion of ${which === "maps" ? "map " : ""}${name}:${number} ✕`;
        const title = "lesioned; click to restore";
        list.append(element("button", text, { title, onclick: () => lesion(which, name, number) }));
      }
    }
  }
  $("unpin").hidden = pinned === null;
}

function lesion(which, layer, number) {
  if (layer === about.populations[0].name) return fail(new Error("the stimulus cannot be lesioned; occlude or erase it, or switch its parts with Try each"));
  const all = { ...view[which] }, chosen = new Set(all[layer]);
  if (!chosen.delete(number)) chosen.add(number);
  all[layer] = [...chosen].sort((a, b) => a - b);
  if (!chosen.size) delete all[layer];
  changed({ [which]: Object.keys(all).length ? all : undefined });
  showControls();
}

function touch(layer, neuron, how = $("click").value) {
  const maps = plans[layer].maps, map = neuron % maps;
  focus[layer] = neuron;
  if (how === "silenced" && view.maps?.[layer]?.includes(map) && !view.silenced?.[layer]?.includes(neuron)) {
    fail(new Error(`map ${layer}:${map} is lesioned already, with this neuron; remove the lesion of the map first`));
  } else if (how === "silenced") lesion("silenced", layer, neuron);
  else if (how === "maps" && maps === 1) fail(new Error(`${layer} has no maps; choose the lesion of a neuron`));
  else if (how === "maps") lesion("maps", layer, map);
  else select({ layer, neuron });
}

function select(chosen) {
  trail.push(chosen);
  focus[chosen.layer] = chosen.neuron;
  keep();
  explain().then(() => $("neuron").scrollIntoView({ block: "nearest" }));
  if (header) showMaps();
}

function choose(index) {
  const count = about.count;
  changed({ index: ((index % count) + count) % count || undefined, drawing: undefined, switched: undefined }, false);
  showControls();
}

// Views ---------------------------------------------------------------------------------------------------------------

function className(number) {
  return number === null || number < 0 ? "none" : about.classes[number] ?? String(number);
}

function inWords({ choice, tied, latency, margin, label }) {
  if (choice < 0) return "no output fires";
  const right = label === null ? "" : choice === label ? " ✓" : ` ✗ (label ${className(label)})`;
  const tie = tied ? ", tied" : margin === null ? ", alone" : `, ${rounded(margin)} ms before the next`;
  return `${className(choice)}${right} at ${latency.toFixed(2)} ms${tie}`;
}

function differs() {
  return header.populations.some((each) => each.gained || each.lost || each.moved);
}

function show() {
  const text = `decides ${inWords(header.decision)}`, a = `A: ${nameOfA()}`;
  const compared = differs() ? `${text}. ${a}, decides ${inWords(header.against)}` : `${text}. ${a}, has the same spikes`;
  $("decision").textContent = differs() || pinned !== null ? compared : text;
  $("python").textContent = header.python;
  $("command").textContent = header.command;
  showRaster();
  showRace();
  showMaps();
  showDifferences();
  if (about.sample) showPaper();
  if (about.plane) showPlane();
  document.body.dataset.shown = String(++shown);  // how many answers
}

function windows() {
  return header.populations.map((each) => each.window);
}

function showRaster() {
  const beside = $("beside").checked;
  $("rasters").classList.toggle("beside", beside);
  draw.raster($("raster"), about, spikes, windows(), cursor, differs() ? before : null);
  if (beside) draw.raster($("raster-a"), about, before, windows(), cursor, differs() ? spikes : null);
  $("cursor").value = cursor;
  $("time").textContent = `${cursor.toFixed(1)} ms`;
}

function colourOf(number) {
  return draw.legible(about.colours[number % about.colours.length]);
}

function showRace() {
  const output = about.populations[about.populations.length - 1], times = spikes[output.name];
  const curve = (points, k, dashed) => ({ points, dashed, colour: colourOf(k), wide: k === header.decision.choice });
  const curves = header.races[0].map((each, k) => curve(each, k, false));
  if (differs()) curves.unshift(...header.races[1].map((each, k) => curve(each, k, true)));
  const marks = [...times].flatMap((time, k) => (time < Infinity ? [{ time, colour: colourOf(k), name: className(k) }] : []));
  const how = { threshold: about.threshold * (view.threshold ?? 1), marks, cursor, window: full(windows().at(-1)) };
  draw.lines($("race"), about.duration, curves, how);
  const order = [...times.keys()].filter((k) => times[k] < Infinity).sort((a, b) => times[a] - times[b]).slice(0, 3);
  const places = order.map((k) => `${className(k)} at ${times[k].toFixed(2)} ms`).join(", then ");
  $("margin").textContent = order.length ? `First ${places}. Dashed lines are A.` : "No output fires.";
}

function full([onset, end]) {
  return [onset ?? 0, end ?? about.duration];
}

function isLesioned(name, neuron) {
  return view.silenced?.[name]?.includes(neuron) || view.maps?.[name]?.includes(neuron % plans[name].maps);
}

function showMaps() {
  const [gained, lost, lesioned] = [3, 8, 9].map((k) => draw.packed(draw.rgb(colourOf(k))));
  const compared = differs();
  for (const { name, window, spikes: count } of header.populations) {
    const now = spikes[name], then = before[name], seen = full(window);
    const hurt = view.silenced?.[name] || view.maps?.[name];
    draw.picture($(`map-${name}`), plans[name], (n) => {
      if (hurt && isLesioned(name, n)) return lesioned;
      const fired = now[n] <= cursor, had = then[n] <= cursor;
      if (compared && fired && then[n] === Infinity) return gained;
      if (compared && had && now[n] === Infinity) return lost;
      return fired ? draw.latencyColour(now[n], seen) : 0;
    });
    let fired = 0;
    for (const time of now) fired += time <= cursor;
    $(`count-${name}`).textContent = `${name}: ${fired} of ${now.length} have fired, ${count} in all`;
  }
  for (const { name } of header.populations) mark(name);  // when all captions have their heights
}

// Outline the neuron in focus on its map.
function mark(name) {
  const ring = $(`ring-${name}`), canvas = $(`map-${name}`);
  ring.hidden = focus[name] === undefined;
  if (ring.hidden) return;
  const [x, y] = draw.place(plans[name], focus[name]), zoom = canvas.clientWidth / canvas.width;
  Object.assign(ring.style, { left: `${canvas.offsetLeft + x * zoom - 3}px`, top: `${canvas.offsetTop + y * zoom - 3}px` });
  ring.style.width = ring.style.height = `${zoom + 6}px`;
}

// What A is, in words.
function nameOfA() {
  if (pinned === "exact") return "the same stimulus, exact times";
  const stimulus = (of) => (of.drawing ? "a drawing" : `stimulus ${of.index ?? 0}`);
  if (pinned !== null) return `the pinned view of ${stimulus(pinned)}`;
  if (about.plane) return "the same point, unchanged network";
  return `test stimulus ${view.index ?? 0} and network, unchanged`;
}

function pixelNoun() {
  return about.populations[0].shape[0] === 1 ? "input" : "pixel";
}

function showDifferences() {
  const total = header.populations.reduce((sum, each) => sum + each.gained + each.lost + each.moved, 0);
  const equal = total && header.decision.choice === header.against.choice ? " The decision is the same." : "";
  $("versus").textContent = `A is ${nameOfA()}. ${total} spikes differ.${equal}`;
  const head = element("tr"), rows = [];
  for (const text of ["population", "spikes", "gained", "lost", "moved", "largest shift (ms)"]) head.append(element("th", text));
  for (const each of header.populations) {
    const row = element("tr");
    row.append(element("th", each.name, { scope: "row" }));
    for (const key of ["spikes", "gained", "lost", "moved"]) row.append(element("td", each[key]));
    row.append(element("td", rounded(each.shift)));
    rows.push(row);
  }
  const thead = element("thead");
  thead.append(head);
  $("differences").replaceChildren(thead, ...rows);
  const differing = [];
  for (const { name } of header.populations) {
    const now = spikes[name], then = before[name];
    for (let n = 0; n < now.length; n++) {
      if (now[n] !== then[n]) differing.push({ layer: name, neuron: n, now: now[n], then: then[n], size: Math.abs(now[n] - then[n]) });
    }
  }
  differing.sort((a, b) => b.size - a.size);
  $("over").textContent = "";
  const time = (each) => (each < Infinity ? `${each.toFixed(2)} ms` : "silent");
  const items = differing.filter(isFirst()).map(({ layer, neuron, now: after, then }) =>
    item(`${nameOf(layer, neuron)}: ${time(after)}, in A ${time(then)}`, () => select({ layer, neuron })));
  $("differing").replaceChildren(...items);
}

// A filter of the first three of each population.
function isFirst() {
  const counts = {};
  return ({ layer }) => (counts[layer] = (counts[layer] ?? 0) + 1) <= 3;
}

async function countOver() {
  $("over").textContent = "Counting …";
  try {
    const { count, right, against } = await (await ask("over", { view, against: pinned, count: +$("stimuli").value })).json();
    $("over").textContent = `${right} of ${count} right, in A ${against} of ${count}.`;
  } catch (error) {
    $("over").textContent = "";
    fail(error);
  }
}

function item(text, onclick) {
  const made = element("li");
  made.append(element("button", text, { onclick }));
  return made;
}

function nameOf(layer, neuron) {
  const plan = plans[layer];
  if (layer === about.populations[about.populations.length - 1].name) return `${layer}:${neuron} (${className(neuron)})`;
  if (plan.flat) return `${layer}:${neuron}`;
  const at = Math.floor(neuron / plan.maps), map = plan.maps > 1 ? `, map ${neuron % plan.maps}` : "";
  return `${layer}:${neuron} (row ${Math.floor(at / plan.columns)}, column ${at % plan.columns}${map})`;
}

function showPotential() {
  const { latency, potential, psps, threshold, window } = told;
  $("potential").hidden = !potential;
  if (!potential) return;
  const marks = latency === null ? [] : [{ time: latency, colour: colourOf(3), name: "spike" }];
  const curve = { points: potential, colour: draw.css("--ink"), wide: true };
  const parts = psps.map(({ points }) => ({ points, colour: colourOf(points[1].at(-1) > 0 ? 3 : 0) }));
  draw.lines($("potential"), about.duration, [curve, ...parts], { threshold, marks, cursor, window: full(window) });
}

// How a view lesions a neuron: itself, its map, or not at all.
function lesionOf(layer, neuron) {
  if (view.silenced?.[layer]?.includes(neuron)) return "silenced";
  return view.maps?.[layer]?.includes(neuron % plans[layer].maps) ? "maps" : null;
}

// A picture of signed values of neurons, in which a click selects a neuron.
function signed(source, text, neurons, values, onhit = (neuron) => select({ layer: source, neuron })) {
  const canvas = element("canvas", "", { role: "img", "aria-label": text }), figure = element("figure");
  const of = new Map(neurons.map((each, k) => [each, values[k]]));
  const largest = values.reduce((most, each) => Math.max(most, Math.abs(each)), 1e-12);
  draw.picture(canvas, plans[source], (n) => (of.has(n) ? draw.signedColour(of.get(n), largest, about.colours) : 0), 420);
  canvas.addEventListener("click", (event) => {
    const hit = hitOf(canvas, source, event);
    if (hit !== null) onhit(hit);
  });
  const empty = values.some((each) => Math.abs(each) > 1e-12) ? "" : "; all are 0";
  figure.append(element("figcaption", text + empty), canvas);
  return figure;
}

function showNeuron() {
  const { layer, neuron, latency, potential, causes, fields } = told;
  let when = latency === null ? "stays silent" : `fires at ${latency.toFixed(3)} ms`;
  if (told.lesioned) when = `is lesioned, would have ${told.otherwise === null ? "stayed silent" : `fired at ${told.otherwise.toFixed(3)} ms`}`;
  const rest = potential ? ` Inputs add ${rounded(told.reached - told.rest)} to the potential, current and drive ${rounded(told.rest)}. The threshold is ${rounded(told.threshold)}. Thin lines: the ${told.psps.length} largest PSPs.` : "";
  $("which").textContent = `${nameOf(layer, neuron)} ${when}.${rest}`;
  $("back").hidden = trail.length < 2;
  $("follow-back").hidden = $("lesion").hidden = layer === about.populations[0].name;
  const which = lesionOf(layer, neuron);
  $("lesion").textContent = { silenced: "Remove lesion", maps: "Remove lesion of its map" }[which] ?? "Lesion";
  if (told.lesioned && which === null) $("lesion").hidden = true;  // by a study
  showPotential();
  const figures = [], all = [];
  for (const { source, neurons, times, potentials, count } of causes) {
    const text = `${source}: ${count} causal spikes`;
    figures.push(signed(source, text, neurons, potentials ?? neurons.map(() => 1)));
    neurons.forEach((each, k) => all.push({ layer: source, neuron: each, time: times[k], value: potentials ? potentials[k] : null }));
  }
  for (const { source, neurons, weights } of fields) {
    figures.push(signed(source, `${source}: receptive field (weights)`, neurons, weights));
  }
  $("fields").replaceChildren(...figures);
  if (told.potential) all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const items = all.slice(0, 15).map(({ layer: from, neuron: each, time, value }) => {
    const text = `${nameOf(from, each)} at ${time.toFixed(2)} ms${value === null ? "" : `: ${value > 0 ? "+" : ""}${rounded(value)}`}`;
    return item(text, () => select({ layer: from, neuron: each }));
  });
  $("causes").replaceChildren(...items);
  showTrace();
}

function showTrace() {
  $("trace").replaceChildren();
  if (!traced) return;
  const input = about.populations[0].name, chain = element("ol", "", { class: "chain" });
  for (const { layer, neuron } of traced.chain) chain.append(item(nameOf(layer, neuron), () => select({ layer, neuron })));
  const text = `${traced.neurons.length} spikes of the stimulus reach it. Colour: their share`;
  $("trace").append(element("p", "Largest cause of each neuron, back to the stimulus:"), chain);
  $("trace").append(signed(input, text, traced.neurons, traced.shares));
}

// The result of trying each pixel, neuron or map: a picture, and the largest effects first.
function showOutcome() {
  const { layer, part, choice, lead, numbers, choices, leads, rival, correct } = outcome, plan = plans[layer];
  const noun = part === "pixels" ? pixelNoun() : part === "neurons" ? "neuron" : "map";
  const verb = part === "pixels" ? "switched" : "lesioned";
  const turned = choices.filter((each) => each !== choice).length, rows = [...numbers.keys()].sort((a, b) => leads[a] - leads[b]);
  const over = rival === null ? "the next output" : className(rival);
  const now = `${className(choice)} fires ${rounded(lead)} ms before ${over}.`;
  const keeping = rows.filter((k) => choices[k] === choice && leads[k] >= 0.99 * lead).map((k) => numbers[k]).sort((a, b) => a - b);
  const listed = part === "maps" && keeping.length ? `: ${keeping.join(", ")}` : "";
  const kept = ` ${numbers.length - turned} keep the decision, ${keeping.length} of these also keep at least 99 % of the lead${listed}. ${turned || "None"} change${turned === 1 ? "s" : ""} the decision.`;
  const only = { neurons: " Silent neurons are left out, because their lesion changes nothing.", maps: " Maps that are lesioned already are left out." }[part] ?? "";
  const none = part === "maps" ? "All maps are lesioned already, so there is nothing to try." : `No neuron of ${layer} fires, so there is nothing to try.`;
  $("outcome").textContent = numbers.length ? `${now} ${numbers.length} ${noun}s were ${verb}, one at a time.${kept}${only}` : none;
  if (!numbers.length) return $("effects").replaceChildren();
  const name = (k) => (part === "maps" ? `map ${numbers[k]}` : nameOf(layer, numbers[k]));
  const apply = (k) => {
    if (part === "pixels") switchPixel(numbers[k]);
    else lesion(part === "maps" ? "maps" : "silenced", layer, numbers[k]);
  };
  const list = element("ol"), show = rows.slice(0, 10);
  for (const k of show) {
    const other = choices[k] === choice ? "" : `, then ${className(choices[k])} wins`;
    const right = correct ? `, ${correct[k]} of ${outcome.count} right, ${outcome.correct_before} without this lesion` : "";
    list.append(item(`${name(k)}: lead ${rounded(lead)} → ${rounded(leads[k])} ms${other}${right}`, () => apply(k)));
  }
  const colours = new Map(numbers.map((each, k) => [each, lead - leads[k]]));
  const all = part === "maps" ? [...Array(plan.count).keys()] : numbers;
  const values = all.map((each) => colours.get(part === "maps" ? each % plan.maps : each) ?? 0);
  const hit = (neuron) => apply(numbers.indexOf(part === "maps" ? neuron % plan.maps : neuron));
  const click = `A click ${part === "pixels" ? "switches" : "lesions"} ${noun === "input" ? "an" : "a"} ${noun}.`;
  const caption = `Change of the lead over ${over} (ms). ${click}`;
  const figure = signed(layer, caption, all, values, (neuron) => colours.has(part === "maps" ? neuron % plan.maps : neuron) && hit(neuron));
  const largest = values.reduce((most, each) => Math.max(most, Math.abs(each)), 0), scale = element("p", "", { class: "key" });
  if (largest > 1e-9) {
    const ramp = element("span", "", { class: "ramp" }), parts = [1, 0.5, 0.25, 0, -0.25, -0.5, -1];
    ramp.style.background = `linear-gradient(to right, ${parts.map((each) => draw.cssOf(draw.signedColour(each, 1, about.colours))).join(", ")})`;
    scale.append(`falls by ${rounded(largest)} ms`, ramp, `rises by ${rounded(largest)} ms`);
  } else scale.append(`The picture is empty, because no ${noun} changes the lead.`);
  figure.append(scale);
  $("effects").replaceChildren(figure);
  const strongest = element("button", `${part === "pixels" ? "Switch" : "Lesion"} the strongest`, { class: "live", onclick: () => apply(rows[0]) });
  if (rows.length) $("effects").append(strongest, element("p", `Largest losses of the lead. A click ${part === "pixels" ? "switches" : "lesions"}.`), list);
}

// Switch a pixel of the stimulus off, or on. Once more restores it.
function switchPixel(number) {
  const chosen = new Set(view.switched);
  if (!chosen.delete(number)) chosen.add(number);
  changed({ switched: chosen.size ? [...chosen].sort((a, b) => a - b) : undefined }, false);
  showControls();
}

// Intensities of the shown stimulus, with switched pixels.
function levelsShown() {
  const levels = bytesOf(header.sample), input = about.populations[0];
  if (levels.length !== input.size) return levels;
  for (const number of view.switched ?? []) levels[number] = spikes[input.name][number] < Infinity ? 255 : 0;
  return levels;
}

function showPaper() {
  const [height, width, channels] = about.sample, paper = $("paper");
  if (paper.dataset.drawing === "yes") return;
  const levels = levelsShown(), context = paper.getContext("2d");
  paper.width = width;
  paper.height = height;
  const image = context.createImageData(width, height);
  for (let n = 0; n < width * height; n++) {
    const pixel = [0, 1, 2].map((k) => levels[n * channels + (channels === 3 ? k : 0)]);
    image.data.set([...pixel, 255], 4 * n);
  }
  context.putImageData(image, 0, 0);
}

function bytesOf(text) {
  return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
}

function showPlane() {
  if (!points || !header) return;
  const { side, choice } = points, canvas = $("points"), context = canvas.getContext("2d");
  canvas.width = canvas.height = side;
  const image = context.createImageData(side, side), colours = about.classes.map((_, k) => draw.rgb(colourOf(k)));
  choice.forEach((each, n) => {
    const row = side - 1 - Math.floor(n / side);
    image.data.set([...(colours[each] || [128, 128, 128]), 255], 4 * (row * side + (n % side)));
  });
  context.putImageData(image, 0, 0);
  const [x, y] = [...bytesOf(header.sample)].slice(0, 2).map((level) => level / 255);
  context.fillStyle = "#fff";
  context.fillRect(x * (side - 1) - 1, (1 - y) * (side - 1) - 1, 3, 3);
  context.fillStyle = "#000";
  context.fillRect(x * (side - 1), (1 - y) * (side - 1), 1, 1);
}

// Drawing and pointing ------------------------------------------------------------------------------------------------

function toText(levels) {
  return btoa(Array.from(levels, (level) => String.fromCharCode(level)).join(""));
}

function setDrawing(levels) {
  header.sample = toText(levels);
  // a drawing is what is seen, so that its intensities are not changed once more
  changed({ drawing: toText(levels), contrast: undefined, noise: undefined, occlusion: undefined, occluded: undefined, switched: undefined }, false);
  showControls();
}

function listenToPaper() {
  const paper = $("paper"), [height, width, channels] = about.sample;
  let levels = null;
  const radius = Math.max(1, Math.min(height, width) / 20);
  const paint = (event) => {
    const box = paper.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * width, y = ((event.clientY - box.top) / box.height) * height;
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const near = Math.min(Math.max(1.5 - Math.hypot(column + 0.5 - x, row + 0.5 - y) / radius, 0), 1) * 255;
        for (let k = 0; k < channels; k++) {
          const n = (row * width + column) * channels + k;
          levels[n] = $("pen").value === "1" ? Math.max(levels[n], near) : Math.min(levels[n], 255 - near);
        }
      }
    }
    paint.over(levels);
  };
  paint.over = (drawn) => {
    header.sample = toText(drawn);  // is shown before the answer
    delete view.switched;
    delete paper.dataset.drawing;
    showPaper();
    if (levels) paper.dataset.drawing = "yes";
    setDrawing(drawn);
  };
  let at = null;
  paper.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    at = [width, height].map((size, k) => Math.min(Math.max((at ? at[k] : Math.floor(size / 2)) + move[k], 0), size - 1));
    $("paper-at").textContent = `pen at row ${at[1]}, column ${at[0]}`;
    if (event.key !== " ") return;
    const drawn = levelsShown(), first = (at[1] * width + at[0]) * channels;
    drawn.fill($("pen").value === "1" ? 255 : 0, first, first + channels);
    paint.over(drawn);
  });
  paper.addEventListener("pointerdown", (event) => {
    const box = paper.getBoundingClientRect();
    if (event.shiftKey) {
      const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      return changed({ occluded: at.map((part) => Math.min(Math.max(part, 0), 1)), occlusion: view.occlusion || 0.25 }, false);
    }
    paper.setPointerCapture(event.pointerId);
    levels = levelsShown();
    paint(event);
  });
  paper.addEventListener("pointermove", (event) => levels && paint(event));
  const stop = () => {
    levels = null;
    delete paper.dataset.drawing;
  };
  paper.addEventListener("pointerup", stop);
  paper.addEventListener("pointercancel", stop);
  $("clear").addEventListener("click", () => setDrawing(new Uint8Array(height * width * channels)));
  $("undraw").addEventListener("click", () => choose(view.index ?? 0));
  $("picture").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const bitmap = await createImageBitmap(file), small = element("canvas");
      [small.width, small.height] = [width, height];
      small.getContext("2d").drawImage(bitmap, 0, 0, width, height);
      const { data } = small.getContext("2d").getImageData(0, 0, width, height), drawn = new Uint8Array(height * width * channels);
      for (let n = 0; n < height * width; n++) {
        const grey = 0.299 * data[4 * n] + 0.587 * data[4 * n + 1] + 0.114 * data[4 * n + 2];
        for (let k = 0; k < channels; k++) drawn[n * channels + k] = channels === 3 ? data[4 * n + k] : grey;
      }
      setDrawing(drawn);
    } catch {
      fail(new Error(`${file.name} is no picture that this browser can read`));
    }
  });
}

function listenToPlane() {
  const canvas = $("points");
  const go = (x, y) => {
    const [u, v] = [x, y].map((part) => Math.round(Math.min(Math.max(part, 0), 1) * 255));
    setDrawing([u, v, 255 - u, 255 - v]);
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    go((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  };
  canvas.addEventListener("pointerdown", at);
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || $("follow").checked) at(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [x, y] = [...bytesOf(header.sample)].map((level) => level / 255);
    go(x + move[0] / 64, y + move[1] / 64);
  });
}

function hitOf(canvas, name, event) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  return draw.neuronAt(plans[name], x, y);
}

function addMaps() {
  for (const { name, shape } of about.populations) {
    plans[name] = draw.layout(shape);
    const label = `${name}; arrow keys move, Enter shows the neuron, L lesions it${plans[name].maps > 1 ? ", M its map" : ""}`;
    const canvas = element("canvas", "", { id: `map-${name}`, tabindex: 0, "aria-label": label });
    canvas.addEventListener("click", (event) => {
      const hit = hitOf(canvas, name, event);
      if (hit !== null) touch(name, hit);
    });
    canvas.addEventListener("keydown", (event) => {
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      const how = { Enter: "why", l: "silenced", m: "maps" }[event.key];
      if (how && focus[name] !== undefined) touch(name, focus[name], how);
      if (!move && !how) return;
      event.preventDefault();
      if (!move) return;
      const [x, y] = draw.place(plans[name], focus[name] ?? 0);
      for (const far of [1, 2]) {  // over the gap between two maps
        const to = draw.neuronAt(plans[name], x + far * move[0], y + far * move[1]);
        if (to === null || x + far * move[0] < 0) continue;
        focus[name] = to;
        break;
      }
      showMaps();
      $("time").textContent = nameOf(name, focus[name] ?? 0);
    });
    const figure = element("figure");
    figure.append(element("figcaption", "", { id: `count-${name}` }), canvas, element("i", "", { id: `ring-${name}`, class: "ring" }));
    $("maps").append(figure);
  }
  showKey();
}

function showKey() {
  const key = $("key"), ramp = element("span", "", { class: "ramp" });
  key.replaceChildren();
  ramp.style.background = `linear-gradient(to left, ${draw.RAMP.join(", ")})`;
  key.append("early", ramp, "late");
  for (const [text, k] of [["fires only now", 3], ["fired only in A", 8], ["lesioned", 9]]) {
    const patch = element("i");
    patch.style.background = colourOf(k);
    key.append(patch, text);
  }
}

function play() {
  if (playing !== null) {
    cancelAnimationFrame(playing);
    playing = null;
    $("play").textContent = "Play";
    return;
  }
  if (cursor >= about.duration) cursor = 0;
  $("play").textContent = "Pause";
  let last = null;
  const step = (now) => {
    cursor = Math.min(cursor + (last === null ? 0 : now - last) * +$("speed").value, about.duration);
    last = now;
    moved();
    if (cursor < about.duration) playing = requestAnimationFrame(step);
    else {
      playing = null;
      $("play").textContent = "Play";
    }
  };
  playing = requestAnimationFrame(step);
}

function moved() {
  if (!header) return;
  showRaster();
  showRace();
  showMaps();
  if (told) showPotential();
}

function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The beginning of the names of files: model, stimulus and changes.
function stem() {
  const parts = [about.name, view.drawing ? "drawing" : view.index ?? 0, ...Object.entries(view.studies ?? {}).flat()];
  if (view.switched) parts.push("switched", ...view.switched.slice(0, 5));
  for (const which of ["silenced", "maps"]) {
    for (const [name, chosen] of Object.entries(view[which] ?? {})) {
      parts.push(which === "maps" ? "lesion-map" : "lesion", name, ...chosen.slice(0, 5));
    }
  }
  for (const name of ["contrast", "noise", "occlusion", "threshold", "delay", "regime", "engine", "dt", "seed"]) {
    if (view[name] !== undefined) parts.push(name, view[name]);
  }
  return `${parts.join("-").replace(/[^\w.-]+/g, "-").slice(0, 120)}-spikes`;
}

// Go to the next test stimulus with a wrong decision, or with the next smallest lead.
async function search(which) {
  $("searched").textContent = "Searching …";
  try {
    const again = closest !== null && closest === (view.index ?? 0);
    const { index, searched, count, rank } = await (await ask("search", { view, which, again })).json();
    const noun = which === "wrong" ? "wrong decisions" : "decisions by their lead, the smallest first";
    const among = `among the first ${searched} test stimuli, with these changes but without noise on stimuli`;
    $("searched").textContent = index === null ? `There are no ${noun} ${among}.` : `${rank} of ${count} ${noun}, ${among}.`;
    if (index === null) return;
    const text = $("searched").textContent;
    closest = which === "close" ? index : null;
    choose(index);
    $("searched").textContent = text;
  } catch (error) {
    if (error.name !== "AbortError") $("searched").textContent = "";
    fail(error);
  }
}

// Present the stimulus with several seeds of noise.
async function repeat() {
  $("repeated").textContent = "Repeating …";
  try {
    const { choices, margins, label } = await (await ask("seeds", { view, count: +$("repeats").value })).json();
    const counts = new Map(), leads = margins.filter((each) => each !== null);
    for (const each of choices) counts.set(each, (counts.get(each) ?? 0) + 1);
    const sorted = [...counts].sort((a, b) => b[1] - a[1]).map(([each, count]) => `${className(each)} ${count}×`).join(", ");
    const right = label === null || label < 0 ? "" : ` ${choices.filter((each) => each === label).length} of ${choices.length} are right.`;
    const mean = leads.reduce((sum, each) => sum + each, 0) / leads.length;
    const spread = Math.sqrt(leads.reduce((sum, each) => sum + (each - mean) ** 2, 0) / Math.max(leads.length - 1, 1));
    const lead = leads.length ? ` Lead over the next output: ${rounded(mean)} ms, SD ${rounded(spread)} ms.` : "";
    const first = view.seed ?? 0;
    $("repeated").textContent = `Seeds ${first} to ${first + choices.length - 1} decide ${sorted}.${right}${lead}`;
  } catch (error) {
    if (error.name !== "AbortError") $("repeated").textContent = "";
    fail(error);
  }
}

// Results of "Try each" belong to what was chosen when they were computed.
function clearOutcome() {
  outcome = null;
  asked.each?.abort();
  clearTimeout(later);
  $("outcome").textContent = "Press Try.";
  $("effects").replaceChildren();
}

function listen() {
  $("previous").addEventListener("click", () => choose((view.index ?? 0) - 1));
  $("next").addEventListener("click", () => choose((view.index ?? 0) + 1));
  $("index").addEventListener("change", () => {
    const number = inBounds($("index"), "number of the stimulus", 0, about.count - 1, true);
    if (number === null) showControls();
    else choose(number);
  });
  $("label").append(element("option", "any", { value: "" }));
  about.classes.forEach((each, k) => $("label").append(element("option", each, { value: k })));
  $("label").addEventListener("change", () => {
    const wanted = $("label").value;
    if (wanted === "") return;
    const next = about.labels.findIndex((label, k) => label === +wanted && k > (view.index ?? 0));
    choose(next < 0 ? Math.max(about.labels.indexOf(+wanted), 0) : next);
    $("label").value = "";
  });
  const grids = [0.25, 0.5, 1, 2, 4, 8], times = [[`as trained (${about.dt ? `grid of ${about.dt} ms` : "exact times"})`, "event:"], ["exact times", "event:0"]];
  times.push(...grids.map((k) => [`grid of ${k} ms`, `event:${k}`]));
  if (about.brian2) times.push(...grids.slice(1, 4).map((k) => [`Brian2, grid of ${k} ms`, `brian2:${k}`]));
  for (const [text, value] of times) $("dt").append(element("option", text, { value }));
  $("dt").addEventListener("change", () => {
    const [engine, dt] = $("dt").value.split(":");
    changed({ engine: engine === "event" ? undefined : engine, dt: dt === "" ? undefined : +dt });
  });
  $("regime").append(element("option", "as defined", { value: "" }), ...about.regimes.map((value) => element("option", value, { value })));
  $("regime").addEventListener("change", () => changed({ regime: $("regime").value || undefined }));
  $("exact").addEventListener("click", () => {
    pinned = "exact";
    changed(view.dt || (view.dt === undefined && about.dt) ? {} : { dt: about.dt || 1 });
    showControls();
  });
  for (const { name, maps, relay } of about.populations) {
    const input = name === about.populations[0].name;
    $("part").append(element("option", input ? `${pixelNoun()} of the stimulus` : `neuron of ${name}`, { value: `${input ? "pixels" : "neurons"}:${name}` }));
    if (!input && maps > 1 && !relay) $("part").append(element("option", `map of ${name}`, { value: `maps:${name}` }));
  }
  $("rival").append(element("option", "the next output", { value: "" }), ...about.classes.map((each, k) => element("option", each, { value: k })));
  const counts = () => ($("counts").hidden = !$("part").value.startsWith("maps"));
  $("part").addEventListener("change", counts);
  counts();
  $("try").addEventListener("click", tryEach);
  for (const id of ["part", "rival", "count"]) $(id).addEventListener("change", clearOutcome);
  $("next-wrong").addEventListener("click", () => search("wrong"));
  $("next-close").addEventListener("click", () => search("close"));
  $("repeat").addEventListener("click", repeat);
  $("count-over").addEventListener("click", countOver);
  $("beside").addEventListener("change", moved);
  $("follow-back").addEventListener("click", () => followBack().catch(fail));
  $("lesion").addEventListener("click", () => {
    const which = lesionOf(told.layer, told.neuron) ?? "silenced";
    lesion(which, told.layer, which === "maps" ? told.neuron % plans[told.layer].maps : told.neuron);
  });
  $("seed").addEventListener("change", () => {
    const seed = inBounds($("seed"), "seed", 0, 2 ** 31 - 1, true);
    if (seed === null) showControls();
    else changed({ seed: seed || undefined });
  });
  $("reset").addEventListener("click", () => {
    view = view.index ? { index: view.index } : {};
    pinned = null;
    changed({});
    showControls();
  });
  $("pin").addEventListener("click", () => {
    pinned = structuredClone(view);
    refresh();
    showControls();
  });
  $("unpin").addEventListener("click", () => {
    pinned = null;
    refresh();
    showControls();
  });
  $("cursor").addEventListener("input", () => {
    cursor = +$("cursor").value;
    moved();
  });
  $("cursor").addEventListener("change", keep);
  $("play").addEventListener("click", play);
  $("raster").addEventListener("click", (event) => {
    const hit = draw.spikeAt($("raster"), about, spikes, event.offsetX, event.offsetY);
    if (hit) touch(hit.layer, hit.neuron);
    else {
      cursor = draw.timeAt($("raster"), about, event.offsetX);
      moved();
    }
  });
  $("back").addEventListener("click", () => {
    trail.pop();
    keep();
    explain();
  });
  $("link").addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(location.href);
      $("link").textContent = "Copied";
      setTimeout(() => ($("link").textContent = "Copy link"), 1500);
    } catch {
      fail(new Error("the clipboard is closed; copy the address of this page"));
    }
  });
  for (const button of document.querySelectorAll("[data-figure]")) {
    const format = button.dataset.figure;
    button.addEventListener("click", () =>
      ask("figure", { view, format, against: pinned }).then(async (response) => save(await response.blob(), `${stem()}.${format}`)).catch(fail));
  }
  $("table").addEventListener("click", () =>
    ask("table", { view }).then(async (response) => save(await response.blob(), `${stem()}.csv`)).catch(fail));
  window.addEventListener("resize", moved);
  window.addEventListener("hashchange", restore);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    moved();
    if (told && trail.length) showNeuron();
    if (outcome) showOutcome();
    showPlane();
    showKey();
  });
  for (const [id, to] of [["to-controls", "controls"], ["to-views", "views"]]) $(id).addEventListener("click", () => $(to).focus());
}

function restore() {
  let broken = null;
  try {
    const [of, rest] = location.hash.slice(1).split("~");
    view = decoded(of);
    const also = decoded(rest);
    pinned = also.pinned ?? null;
    cursor = also.time ?? about.duration;
    trail = [];
    if (plans[also.neuron?.layer]) {
      trail.push(also.neuron);
      focus[also.neuron.layer] = also.neuron.neuron;
    }
  } catch {
    view = {};
    pinned = null;
    trail = [];
    cursor = about.duration;
    broken = new Error("the link is broken: its end is no state of the explorer, so this is the first stimulus; copy the link again");
  }
  $("error").hidden = true;
  if (broken) fail(broken);
  showControls();
  refresh();
  explain();
  if (about.plane) replane();
}

async function start() {
  if ($("stored")) {
    stored = await unpack($("stored").textContent);
    document.body.classList.add("stored");
  }
  about = await (await ask("about")).json();
  for (const each of about.populations) each.size = each.shape.reduce((product, size) => product * size, 1);
  document.title = `${about.name} – netsim explore`;
  $("name").textContent = about.name;
  $("description").textContent = `${about.description} (${about.weights} weights)`;
  $("index").max = about.count - 1;
  $("cursor").max = cursor = about.duration;
  addMaps();
  $("neuron-hint").textContent = `Click on a neuron in a picture or in the raster. The decision is made by ${about.populations.at(-1).name}.`;
  const hasMaps = about.populations.slice(1).some((each) => plans[each.name].maps > 1);
  $("keys").textContent = `On a picture, arrow keys move, Enter shows the neuron, L lesions it${hasMaps ? ", and M lesions its map" : ""}. Rows, columns and numbers count from 0.`;
  $("click").querySelector("[value=maps]").hidden = !hasMaps;
  if (about.plane) {
    for (const [k, each] of about.classes.entries()) {
      const patch = element("i");
      patch.style.background = colourOf(k);
      $("plane-key").append(patch, each);
    }
  }
  $("drawing").hidden = !about.sample || about.plane;
  $("plane").hidden = !about.plane;
  addSliders();
  listen();
  if (about.plane) listenToPlane();
  else if (about.sample && !stored) listenToPaper();
  restore();
}

start().catch(fail);
