// Canvas drawings. They know latencies, shapes and colours, and nothing of the server.
import { page } from "./state.js";

const RAMP = ["#00204c", "#31446b", "#666870", "#958f78", "#cbba69", "#ffe945"]; // cividis

const steps = RAMP.map(rgb);

export function rgb(hex) {
  return [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16));
}

// Colours of the theme, and packed colours of latencies. Asking the browser for them is slow.
const scheme = matchMedia("(prefers-color-scheme: dark)"), themed = new Map();
let ramps = null;
scheme.addEventListener("change", () => {
  themed.clear();
  ramps = null;
});
const isDark = () => scheme.matches;

// Dark colours of the palette on a dark page. Lightened they would look like others of the palette.
const ON_DARK = { "#0173b2": "#4c8dff", "#332288": "#a8a0ff", "#882255": "#b6f09c" };

// A colour that stands out on the page: on a dark page dark colours are lightened.
function legible(hex) {
  if (isDark() && ON_DARK[hex.toLowerCase()]) return ON_DARK[hex.toLowerCase()];
  const [red, green, blue] = rgb(hex);
  if (!isDark() || 0.3 * red + 0.6 * green + 0.1 * blue > 90) return hex;
  return `#${[red, green, blue].map((value) => Math.round((value + 255) / 2).toString(16).padStart(2, "0")).join("")}`;
}

// The colour of an output or a population.
export function colourOf(number) {
  const { colours } = page.about;
  return legible(colours[number % colours.length]);
}

// Colours from early to late, for a key.
export function rampOfLatencies() {
  return [0, 0.2, 0.4, 0.6, 0.8, 1].map((part) => cssOf(packed(ramp(part))));
}

// Early spikes are bright. Late spikes are dark, but not darker than a dark page.
function ramp(part) {
  const bright = Math.min(Math.max(1 - part, 0), 1), least = isDark() ? 0.3 : 0;
  const place = (least + (1 - least) * bright) * (steps.length - 1);
  const low = Math.min(Math.floor(place), steps.length - 2);
  return steps[low].map((value, k) => value + (place - low) * (steps[low + 1][k] - value));
}

export function css(name) {
  if (!themed.has(name)) themed.set(name, getComputedStyle(document.documentElement).getPropertyValue(name).trim());
  return themed.get(name);
}

// Prepare a canvas for sharp lines, and return its context, width and height in CSS pixels.
export function prepared(canvas, height) {
  const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth || 600;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = "11px system-ui, sans-serif";
  context.clearRect(0, 0, width, height);
  return [context, width, height];
}

const LEFT = 76, RIGHT = 8, AXIS = 18;

function timeAxis(context, width, height, low, high) {
  const scale = (time) => LEFT + ((time - low) / (high - low)) * (width - LEFT - RIGHT);
  const rough = (high - low) / Math.max(2, (width - LEFT) / 80), unit = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((k) => k * unit).find((each) => each >= rough);
  context.fillStyle = css("--faint");
  context.textAlign = "center";
  for (let time = Math.ceil(low / step) * step; time <= high + 1e-9; time += step) {
    context.fillRect(scale(time), height - AXIS, 1, 3);
    context.fillText(+time.toPrecision(6), scale(time), height - 4);
  }
  context.textAlign = "right";
  context.fillText("ms", LEFT - 20, height - 4);
  return scale;
}

// Heights of the populations in the raster: small ones stay legible, large ones get more.
export function bands(populations) {
  let top = 2;
  return populations.map((each) => {
    const height = Math.round(Math.min(18 + 1.1 * Math.sqrt(each.size), 110)), band = { top, height };
    top += height + 6;
    return band;
  });
}

// The spikes of all populations. With `before`, spikes that are equal in both are pale, and those of A are grey.
export function raster(canvas, about, spikes, windows, cursor, before = null) {
  const rows = bands(about.populations), last = rows[rows.length - 1];
  const [context, width, height] = prepared(canvas, last.top + last.height + AXIS + 4);
  const scale = timeAxis(context, width, height, 0, about.duration);
  about.populations.forEach((each, k) => {
    const { top, height: tall } = rows[k], colour = colourOf(k);
    const [onset, end] = windows[k].map((time) => (time === null ? about.duration : time));
    context.fillStyle = css("--panel");
    context.fillRect(scale(onset), top, Math.max(scale(end) - scale(onset), 1), tall);
    context.fillStyle = css("--ink");
    context.textAlign = "right";
    context.fillText(each.name.slice(0, 12), LEFT - 6, top + tall / 2 + 4);
    const dot = each.size > 2000 ? 1 : 2, step = tall / each.size, few = each.size <= 40;
    const mark = few ? Math.max(step - 1, 2) : dot, now = spikes[each.name], then = before ? before[each.name] : now;
    const dots = (times, wide, chosen) => {
      for (let n = 0; n < times.length; n++) {
        if (times[n] < Infinity && chosen(n)) context.fillRect(scale(times[n]) - wide / 2, top + n * step, wide, mark);
      }
    };
    const wide = few ? 3 : dot, equal = (n) => now[n] === then[n], differs = (n) => now[n] !== then[n];
    context.fillStyle = css("--faint");
    if (before) dots(then, few ? 3 : dot, differs);
    context.fillStyle = colour;
    context.globalAlpha = before ? 0.35 : 1;
    dots(now, wide, equal);
    context.globalAlpha = 1;
    if (before) dots(now, wide + 1, differs);
  });
  context.fillStyle = css("--bad");
  context.fillRect(scale(cursor), 0, 1.5, height - AXIS);
}

// The neuron whose spike is next to a point of the raster, or null.
export function spikeAt(canvas, about, spikes, x, y) {
  const rows = bands(about.populations);
  const k = rows.findIndex(({ top, height }) => y >= top - 3 && y <= top + height + 3);
  if (k < 0) return null;
  const each = about.populations[k], width = canvas.clientWidth, times = spikes[each.name];
  let best = null, least = 20 ** 2;
  for (let n = 0; n < times.length; n++) {
    if (times[n] === Infinity) continue;
    const dx = LEFT + (times[n] / about.duration) * (width - LEFT - RIGHT) - x;
    const dy = rows[k].top + ((n + 0.5) * rows[k].height) / each.size - y;
    if (dx * dx + dy * dy < least) [best, least] = [n, dx * dx + dy * dy];
  }
  return best === null ? null : { layer: each.name, neuron: best };
}

export function timeAt(canvas, about, x) {
  return Math.min(Math.max(((x - LEFT) / (canvas.clientWidth - LEFT - RIGHT)) * about.duration, 0), about.duration);
}

// Lines of potentials: each {points: [times, values], colour, dashed, name}; marks are vertical {time, colour, name}.
export function lines(canvas, high, curves, { threshold, marks = [], cursor = null, window: [onset, end] }, height = 170) {
  const [context, width] = prepared(canvas, height), bottom = height - AXIS - 4;
  const scale = timeAxis(context, width, height, 0, high);
  const ceiling = 1.15 * Math.max(threshold || 0, 1e-9);
  let most = ceiling, least = 0;
  for (const { points: [times, values] } of curves) {
    for (let k = 0; k < times.length && times[k] <= end; k++) {
      most = Math.max(most, Math.min(values[k], 2 * ceiling));
      least = Math.min(least, Math.max(values[k], -1.5 * ceiling));
    }
  }
  const rise = (value) => bottom - ((value - least) / (most - least)) * (bottom - 4);
  context.fillStyle = css("--panel");
  context.fillRect(scale(onset), 2, scale(Math.min(end, high)) - scale(onset), bottom - 2);
  context.save();
  context.beginPath();
  context.rect(LEFT, 0, width - LEFT - RIGHT, bottom + 2);
  context.clip();
  for (const { points: [times, values], colour, dashed, wide } of curves) {
    context.beginPath();
    context.setLineDash(dashed ? [4, 3] : []);
    context.lineWidth = wide ? 2.2 : 1.2;
    context.strokeStyle = colour;
    times.forEach((time, k) => context.lineTo(scale(time), rise(values[k])));
    context.stroke();
  }
  context.setLineDash([2, 3]);
  context.lineWidth = 1;
  context.strokeStyle = css("--ink");
  if (threshold) {
    context.beginPath();
    context.moveTo(LEFT, rise(threshold));
    context.lineTo(width, rise(threshold));
    context.stroke();
  }
  context.restore();
  context.setLineDash([]);
  context.fillStyle = css("--faint");
  context.textAlign = "right";
  if (threshold) context.fillText("threshold", LEFT - 6, rise(threshold) + 4);
  context.fillText("0", LEFT - 6, rise(0) + 4);
  // names stand in one row below the threshold, side by side, each with a line to its spike
  const level = rise(threshold || 0), named = [...marks].sort((a, b) => a.time - b.time).map((mark) => {
    return { ...mark, at: scale(mark.time), wide: context.measureText(mark.name).width };
  });
  let taken = -Infinity, limit = width - RIGHT;
  for (const each of named) taken = (each.left = Math.max(each.at + 3, taken + 6)) + each.wide;
  for (const each of [...named].reverse()) limit = (each.left = Math.min(each.left, limit - each.wide)) - 6;
  context.textAlign = "left";
  for (const { at, colour, left, wide } of named) {
    context.fillStyle = context.strokeStyle = colour;
    context.fillRect(at - 0.75, level - 6, 1.5, 12);
    context.beginPath();
    context.moveTo(at, level + 6);
    context.lineTo(left + wide / 2, level + 16);
    context.lineWidth = 1;
    context.stroke();
  }
  for (const { colour, name, left } of named) {
    context.lineWidth = 3;
    context.strokeStyle = css("--panel");
    context.strokeText(name, left, level + 26);
    context.fillStyle = colour;
    context.fillText(name, left, level + 26);
  }
  if (cursor !== null) {
    context.fillStyle = css("--bad");
    context.fillRect(scale(cursor), 0, 1.5, bottom);
  }
}

// How the neurons of a population lie in a picture: tiles of (height, width), one for each map.
export function layout(shape) {
  let [rows, columns, maps] = shape.length === 3 ? shape : [1, shape[0], 1];
  if (rows === 1) {
    const count = columns * maps;
    columns = count <= 12 ? count : Math.ceil(Math.sqrt(count * 2));
    return { rows: Math.ceil(count / columns), columns, maps: 1, across: 1, count, flat: true };
  }
  return { rows, columns, maps, across: Math.ceil(Math.sqrt((maps * rows) / columns * 1.6)), count: rows * columns * maps };
}

function gap(plan) {
  return plan.maps > 1 ? 1 : 0;
}

export function place(plan, neuron) {
  if (plan.flat) return [neuron % plan.columns, Math.floor(neuron / plan.columns)];
  const map = neuron % plan.maps, position = Math.floor(neuron / plan.maps);
  const x = (map % plan.across) * (plan.columns + gap(plan)) + (position % plan.columns);
  return [x, Math.floor(map / plan.across) * (plan.rows + gap(plan)) + Math.floor(position / plan.columns)];
}

export function neuronAt(plan, x, y) {
  let neuron;
  if (plan.flat) neuron = y * plan.columns + x;
  else {
    const wide = plan.columns + gap(plan), tall = plan.rows + gap(plan);
    const map = Math.floor(y / tall) * plan.across + Math.floor(x / wide);
    const [dx, dy] = [x % wide, y % tall];
    if (dx >= plan.columns || dy >= plan.rows || map >= plan.maps) return null;
    neuron = (dy * plan.columns + dx) * plan.maps + map;
  }
  return neuron >= 0 && neuron < plan.count ? neuron : null;
}

export function mapSize(plan) {
  if (plan.flat) return [plan.columns, plan.rows];
  const across = Math.min(plan.across, plan.maps), down = Math.ceil(plan.maps / plan.across);
  return [across * (plan.columns + gap(plan)) - gap(plan), down * (plan.rows + gap(plan)) - gap(plan)];
}

// A colour as a pixel of a picture: red in the lowest byte.
export function packed([red, green, blue]) {
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

// Draw one pixel for each neuron. `colour(neuron)` returns a packed colour, or 0 for the ground.
export function picture(canvas, plan, colour, widest = 320) {
  const [width, height] = mapSize(plan);
  if (!plan.pixels) {
    plan.pixels = new Int32Array(plan.count);
    for (let n = 0; n < plan.count; n++) {
      const [x, y] = place(plan, n);
      plan.pixels[n] = y * width + x;
    }
  }
  plan.zoom = Math.max(1, Math.min(Math.floor(widest / width), Math.floor(220 / height), 16));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  canvas.style.width = `${width * plan.zoom}px`;
  const context = canvas.getContext("2d"), image = context.createImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer), ground = packed(rgb(css("--panel")));
  for (let n = 0; n < plan.count; n++) pixels[plan.pixels[n]] = colour(n) || ground;
  context.putImageData(image, 0, 0);
}

// The packed colour of a latency within a window.
export function latencyColour(time, [onset, end]) {
  ramps ??= Uint32Array.from({ length: 256 }, (_, k) => packed(ramp(k / 255)));
  return ramps[Math.round(Math.min(Math.max((time - onset) / Math.max(end - onset, 1e-9), 0), 1) * 255)];
}

// The packed colour of a signed value: one hue for each sign, stronger for larger values.
export function signedColour(value, largest, colours) {
  const strength = Math.min(Math.abs(value) / largest, 1) ** 0.7, ground = rgb(css("--panel"));
  const hue = rgb(legible(value > 0 ? colours[3] : colours[0]));
  return packed(ground.map((from, k) => from + strength * (hue[k] - from)));
}

// A packed colour for CSS.
export function cssOf(colour) {
  return `rgb(${colour & 255}, ${(colour >> 8) & 255}, ${(colour >> 16) & 255})`;
}
