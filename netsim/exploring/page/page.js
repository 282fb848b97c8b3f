// The page: its state is a view, as `netsim.exploring.View` defines it. The server answers questions about views.
import * as draw from "./draw.js";

const $ = (id) => document.getElementById(id);
let about, view = {}, pinned = null, spikes = {}, before = {}, header = null, cursor = 0, trail = [], told = null;
let focus = {}, plans = {}, playing = null, points = null, shown = 0;

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

async function ask(question, content = {}) {
  const response = await fetch(`ask/${question}`, { method: "POST", body: JSON.stringify(content) });
  if (!response.ok) throw new Error((await response.text()) || "the server refused; start netsim explore again");
  return response;
}

function fail(error) {
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
      await work();
      $("error").hidden = true;
    } catch (error) {
      fail(error);
    }
    busy = false;
    tell(waiting);
    if (waiting) {
      waiting = false;
      run();
    }
  };
}

const refresh = newest(async () => {
  const response = await ask("answer", { view, against: pinned });
  const bytes = await response.arrayBuffer(), length = new DataView(bytes).getUint32(0, true);
  header = JSON.parse(new TextDecoder().decode(new Uint8Array(bytes, 4, length)));
  let at = 4 + length;
  for (const target of [spikes, before]) {
    for (const { name, size } of about.populations) {
      target[name] = new Float32Array(bytes, at, size);
      at += 4 * size;
    }
  }
  show();
}, (busy) => (document.body.dataset.busy = String(busy)));

const explain = newest(async () => {
  if (!trail.length) return;
  told = await (await ask("why", { view, ...trail[trail.length - 1] })).json();
  showNeuron();
});

const replane = newest(async () => {
  points = await (await ask("plane", { view })).json();
  showPlane();
});

function changed(change, ofNetwork = true) {
  Object.assign(view, change);
  for (const name of Object.keys(view)) if (view[name] === undefined) delete view[name];
  history.replaceState(null, "", `#${encoded(view)}`);
  refresh();
  explain();
  if (about.plane && ofNetwork) replane();
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
    text: level, title: `${name}: ${summary}`, low: 0, high: most, neutral: 0,
    get: () => view.studies?.[name] ?? 0,
    set: (value) => ({ studies: { ...view.studies, [name]: value || undefined } }),
  });
  const of = (kind) => about.studies.filter((each) => each.stimulus === kind).map(study);
  const flat = about.populations[0].shape[0] === 1;
  const edits = about.sample && !flat ? [plain("contrast", "contrast", 0, 2, 1)] : [];
  if (about.sample) edits.push(plain("noise", "noise on intensities, SD", 0, 0.5, 0));
  if (!flat) edits.push(plain("occlusion", "occluded square, side (shift-click moves it)", 0, 1, 0));
  return { stimulus: [...edits, ...of(true)], changes: [plain("threshold", "factor of thresholds", 0.5, 1.5, 1), ...of(false)] };
}

const known = [];

function addSliders() {
  for (const [id, all] of Object.entries(sliders())) {
    for (const each of all) {
      const label = element("label", "", { class: "slider", title: each.title || each.text });
      const input = element("input", "", { type: "range", min: each.low, max: each.high, step: (each.high - each.low) / 100 });
      const output = element("output");
      input.addEventListener("input", () => {
        const change = each.set(+input.value);
        if (change.studies) {
          for (const name of Object.keys(change.studies)) if (!change.studies[name]) delete change.studies[name];
          if (!Object.keys(change.studies).length) change.studies = undefined;
        }
        changed(change, id === "changes");
        output.textContent = rounded(+input.value);
      });
      label.append(element("span", each.text), input, output);
      $(id).append(label);
      known.push(() => {
        input.value = each.get();
        output.textContent = rounded(each.get());
      });
    }
  }
}

function rounded(value) {
  return value === null ? "–" : String(+value.toPrecision(3));
}

function showControls() {
  known.forEach((update) => update());
  $("index").value = view.index ?? 0;
  $("seed").value = view.seed ?? 0;
  $("dt").value = view.dt ?? "";
  const list = $("lesions");
  list.replaceChildren();
  for (const which of ["silenced", "maps"]) {
    for (const [name, chosen] of Object.entries(view[which] || {})) {
      for (const number of chosen.slice(0, 20)) {
        const text = `${which === "maps" ? "map " : ""}${name}:${number} ✕`;
        const title = "lesioned; click to restore";
        list.append(element("button", text, { title, onclick: () => lesion(which, name, number) }));
      }
    }
  }
  $("unpin").hidden = pinned === null;
}

function lesion(which, layer, number) {
  if (layer === about.populations[0].name) return fail(new Error("the stimulus cannot be lesioned; occlude or erase it"));
  const all = { ...view[which] }, chosen = new Set(all[layer]);
  if (!chosen.delete(number)) chosen.add(number);
  all[layer] = [...chosen].sort((a, b) => a - b);
  if (!chosen.size) delete all[layer];
  changed({ [which]: Object.keys(all).length ? all : undefined });
  showControls();
}

function touch(layer, neuron, how = $("click").value) {
  const maps = plans[layer].maps;
  if (how === "silenced" || (how === "maps" && maps === 1)) lesion("silenced", layer, neuron);
  else if (how === "maps") lesion("maps", layer, neuron % maps);
  else select({ layer, neuron });
}

function select(chosen) {
  trail.push(chosen);
  focus[chosen.layer] = chosen.neuron;
  explain().then(() => $("neuron").scrollIntoView({ block: "nearest" }));
  if (header) showMaps();
}

function choose(index) {
  const count = about.count;
  changed({ index: ((index % count) + count) % count || undefined, drawing: undefined }, false);
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
  const text = `decides ${inWords(header.decision)}`;
  $("decision").textContent = differs() ? `${text}. Compared with (A): ${inWords(header.against)}` : text;
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

function showRaster() {
  draw.raster($("raster"), about, spikes, before, cursor, differs());
  $("cursor").value = cursor;
  $("time").textContent = `${cursor.toFixed(1)} ms`;
}

function colourOf(number) {
  return draw.legible(about.colours[number % about.colours.length]);
}

function showRace() {
  const output = about.populations[about.populations.length - 1], times = spikes[output.name];
  const curve = (points, k, dashed) => ({ points, dashed, colour: colourOf(k), wide: k === header.decision.choice });
  const curves = header.race.map((each, k) => curve(each, k, false));
  if (differs()) curves.unshift(...header.race_against.map((each, k) => curve(each, k, true)));
  const marks = [...times].flatMap((time, k) => (time < Infinity ? [{ time, colour: colourOf(k), name: className(k) }] : []));
  const how = { threshold: about.threshold * (view.threshold ?? 1), marks, cursor, window: full(output.window) };
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
  const lost = draw.rgb(colourOf(8)), gained = draw.rgb(colourOf(3)), lesioned = draw.rgb(colourOf(9));
  const compared = differs();
  for (const { name, window } of about.populations) {
    const now = spikes[name], then = before[name], seen = full(window);
    const hurt = view.silenced?.[name] || view.maps?.[name];
    draw.picture($(`map-${name}`), plans[name], (n) => {
      if (hurt && isLesioned(name, n)) return lesioned;
      const fired = now[n] <= cursor, had = then[n] <= cursor;
      if (compared && fired && then[n] === Infinity) return gained;
      if (compared && had && now[n] === Infinity) return lost;
      return fired ? draw.latencyColour(now[n], seen) : null;
    });
    mark(name);
    const { spikes: count } = header.populations.find((each) => each.name === name);
    const fired = now.reduce((sum, time) => sum + (time <= cursor), 0);
    $(`count-${name}`).textContent = `${name}: ${fired} of ${now.length} have fired, ${count} in all`;
  }
}

// Outline the neuron in focus on its map.
function mark(name) {
  if (focus[name] === undefined) return;
  const canvas = $(`map-${name}`), context = canvas.getContext("2d"), [x, y] = draw.place(plans[name], focus[name]);
  context.fillStyle = colourOf(3);
  context.globalAlpha = 0.8;
  for (const [dx, dy] of [[-1, 0], [1, 0], [0, -1], [0, 1]]) context.fillRect(x + dx, y + dy, 1, 1);
  context.globalAlpha = 1;
}

function showDifferences() {
  const total = header.populations.reduce((sum, each) => sum + each.gained + each.lost + each.moved, 0);
  const to = pinned ? "the pinned view" : "the unchanged network with the same stimulus";
  $("versus").textContent = `A is ${to}. ${total} spikes differ.`;
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
}

function nameOf(layer, neuron) {
  const plan = plans[layer];
  if (layer === about.populations[about.populations.length - 1].name) return `${layer}:${neuron} (${className(neuron)})`;
  if (plan.flat) return `${layer}:${neuron}`;
  const at = Math.floor(neuron / plan.maps), map = plan.maps > 1 ? `, map ${neuron % plan.maps}` : "";
  return `${layer}:${neuron} (row ${Math.floor(at / plan.columns)}, column ${at % plan.columns}${map})`;
}

function showNeuron() {
  const { layer, neuron, latency, potential, threshold, causes, window } = told;
  const when = latency === null ? "stays silent" : `fires at ${latency.toFixed(3)} ms`;
  const rest = potential ? ` Inputs add ${rounded(told.reached - told.rest)}, current and drive ${rounded(told.rest)}.` : "";
  $("which").textContent = `${nameOf(layer, neuron)} ${when}.${rest}`;
  $("back").hidden = trail.length < 2;
  $("potential").hidden = !potential;
  if (potential) {
    const marks = latency === null ? [] : [{ time: latency, colour: colourOf(3), name: "spike" }];
    const curve = { points: potential, colour: colourOf(0), wide: true };
    draw.lines($("potential"), about.duration, [curve], { threshold, marks, cursor, window: full(window) });
  }
  const fields = [], all = [];
  for (const { source, neurons, times, potentials, count } of causes) {
    const canvas = element("canvas", "", { role: "img", "aria-label": `contributions of ${source}` }), figure = element("figure");
    const values = new Map(neurons.map((each, k) => [each, potentials ? potentials[k] : 1]));
    const largest = Math.max(...[...values.values()].map(Math.abs), 1e-12);
    draw.picture(canvas, plans[source], (n) => (values.has(n) ? draw.signedColour(values.get(n), largest, about.colours) : null), 420);
    canvas.addEventListener("click", (event) => {
      const hit = hitOf(canvas, source, event);
      if (hit !== null) select({ layer: source, neuron: hit });
    });
    figure.append(element("figcaption", `${count} causal spikes of ${source}`), canvas);
    fields.push(figure);
    neurons.forEach((each, k) => all.push({ layer: source, neuron: each, time: times[k], value: potentials ? potentials[k] : null }));
  }
  $("fields").replaceChildren(...fields);
  if (told.potential) all.sort((a, b) => Math.abs(b.value) - Math.abs(a.value));
  const items = all.slice(0, 15).map(({ layer: from, neuron: each, time, value }) => {
    const text = `${nameOf(from, each)} at ${time.toFixed(2)} ms${value === null ? "" : `: ${value > 0 ? "+" : ""}${rounded(value)}`}`;
    const item = element("li");
    item.append(element("button", text, { onclick: () => select({ layer: from, neuron: each }) }));
    return item;
  });
  $("causes").replaceChildren(...items);
}

function showPaper() {
  const [height, width, channels] = about.sample, paper = $("paper");
  if (paper.dataset.drawing === "yes") return;
  const levels = bytesOf(header.sample), context = paper.getContext("2d");
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
  // a drawing is what is seen, so that its intensities are not changed once more
  changed({ drawing: toText(levels), contrast: undefined, noise: undefined, occlusion: undefined, occluded: undefined }, false);
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
    header.sample = toText(levels);
    showPaper();
    paper.dataset.drawing = "yes";
    setDrawing(levels);
  };
  paper.addEventListener("pointerdown", (event) => {
    const box = paper.getBoundingClientRect();
    if (event.shiftKey) {
      const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      return changed({ occluded: at.map((part) => Math.min(Math.max(part, 0), 1)), occlusion: view.occlusion || 0.25 }, false);
    }
    paper.setPointerCapture(event.pointerId);
    levels = bytesOf(header.sample);
    paint(event);
  });
  paper.addEventListener("pointermove", (event) => {
    if (!levels) return;
    delete paper.dataset.drawing;
    paint(event);
  });
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
    const label = `${name}; arrow keys move, Enter shows the neuron, L lesions it, M its map`;
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
    figure.append(element("figcaption", "", { id: `count-${name}` }), canvas);
    $("maps").append(figure);
  }
  const key = $("key"), ramp = element("span", "", { class: "ramp" });
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
  if (told) showNeuron();
}

function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function listen() {
  $("previous").addEventListener("click", () => choose((view.index ?? 0) - 1));
  $("next").addEventListener("click", () => choose((view.index ?? 0) + 1));
  $("index").addEventListener("change", () => choose(Math.trunc(+$("index").value) || 0));
  $("label").append(element("option", "any", { value: "" }));
  about.classes.forEach((each, k) => $("label").append(element("option", each, { value: k })));
  $("label").addEventListener("change", () => {
    const wanted = $("label").value;
    if (wanted === "") return;
    const next = about.labels.findIndex((label, k) => label === +wanted && k > (view.index ?? 0));
    choose(next < 0 ? Math.max(about.labels.indexOf(+wanted), 0) : next);
    $("label").value = "";
  });
  for (const [text, value] of [[`as trained (${about.dt || "exact"})`, ""], ["exact", 0], ...[0.25, 0.5, 1, 2, 4, 8].map((k) => [`${k} ms`, k])]) {
    $("dt").append(element("option", text, { value }));
  }
  $("dt").addEventListener("change", () => changed({ dt: $("dt").value === "" ? undefined : +$("dt").value }));
  $("seed").addEventListener("change", () => changed({ seed: Math.max(Math.trunc(+$("seed").value) || 0, 0) || undefined }));
  $("reset").addEventListener("click", () => {
    view = view.index ? { index: view.index } : {};
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
  const stem = `${about.name.replace(/[^\w.-]+/g, "-")}-spikes`;
  for (const button of document.querySelectorAll("[data-figure]")) {
    const format = button.dataset.figure;
    button.addEventListener("click", () =>
      ask("figure", { view, format }).then(async (response) => save(await response.blob(), `${stem}.${format}`)).catch(fail));
  }
  $("table").addEventListener("click", () =>
    ask("table", { view }).then(async (response) => save(await response.blob(), `${stem}.csv`)).catch(fail));
  window.addEventListener("resize", moved);
  window.addEventListener("hashchange", restore);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", moved);
}

function restore() {
  try {
    view = decoded(location.hash.slice(1));
  } catch {
    view = {};
    fail(new Error("the end of the address is no state of the explorer; copy the link again"));
  }
  showControls();
  refresh();
  explain();
  if (about.plane) replane();
}

async function start() {
  about = await (await ask("about")).json();
  for (const each of about.populations) each.size = each.shape.reduce((product, size) => product * size, 1);
  document.title = `${about.name} – netsim explore`;
  $("name").textContent = about.name;
  $("description").textContent = `${about.description} (${about.weights} weights)`;
  $("index").max = about.count - 1;
  $("cursor").max = cursor = about.duration;
  $("drawing").hidden = !about.sample || about.plane;
  $("plane").hidden = !about.plane;
  addMaps();
  addSliders();
  listen();
  if (about.plane) listenToPlane();
  else if (about.sample) listenToPaper();
  restore();
}

start().catch(fail);
