// The plane of the stimuli of yin-yang, with the decision at each point.
import { ask, newest } from "./asking.js";
import { setDrawing } from "./changing.js";
import * as draw from "./draw.js";
import { $, bytesOf, page, patch, register, textOf } from "./state.js";

const ORDER = [0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15]; // of parts of the plane, from coarse to fine
let points = null, of = null; // decisions, and the network that made them

const compute = newest(async (isOld) => {
  points = null;
  for (const part of ORDER) {
    if (isOld()) return;
    const { side, parts, choice } = await (await ask("plane", { view: page.view, part })).json();
    points ??= { side, choice: Array(side * side), sure: [] };
    for (let row = part; row < side; row++) { // rows that are not known yet look like the last known one
      const from = Math.floor((row - part) / parts) * side, known = (row - part) % parts === 0;
      for (let k = 0; k < side; k++) {
        if (known || points.sure[row] === undefined) points.choice[row * side + k] = choice[from + k];
      }
      if (known) points.sure[row] = true;
    }
    show();
  }
});

function show() {
  if (!points || !page.header) return;
  const { side, choice } = points, canvas = $("points"), context = canvas.getContext("2d");
  canvas.width = canvas.height = side;
  const image = context.createImageData(side, side), colours = page.about.classes.map((_, k) => draw.rgb(draw.colourOf(k)));
  choice.forEach((each, n) => {
    const row = side - 1 - Math.floor(n / side);
    image.data.set([...(colours[each] || [128, 128, 128]), 255], 4 * (row * side + (n % side)));
  });
  context.putImageData(image, 0, 0);
  const [x, y] = at();
  context.fillStyle = "#fff";
  context.fillRect(x * (side - 1) - 1, (1 - y) * (side - 1) - 1, 3, 3);
  context.fillStyle = "#000";
  context.fillRect(x * (side - 1), (1 - y) * (side - 1), 1, 1);
}

function at() {
  return [...bytesOf(page.header.sample)].slice(0, 2).map((level) => level / 255);
}

function go(x, y) {
  const [u, v] = [x, y].map((part) => Math.round(Math.min(Math.max(part, 0), 1) * 255));
  setDrawing(textOf([u, v, 255 - u, 255 - v]));
}

function showKey() {
  const parts = page.about.classes.map((each, k) => patch(draw.colourOf(k), each));
  $("plane-key").replaceChildren("Decision at each point:", ...parts, " The small square is the stimulus.");
}

function start() {
  $("plane").hidden = !page.about.plane;
  if (!page.about.plane) return;
  showKey();
  const canvas = $("points");
  const point = (event) => {
    const box = canvas.getBoundingClientRect();
    go((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  };
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons || $("follow").checked) point(event);
  });
  canvas.addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [x, y] = at();
    go(x + move[0] / 64, y + move[1] / 64);
  });
}

register({
  start,
  show,
  change() {
    const { index, drawing, switched, ...rest } = page.view, network = JSON.stringify(rest);
    if (!page.about.plane || of === network) return;
    of = network;
    compute();
  },
  theme() {
    if (!page.about.plane) return;
    showKey();
    show();
  },
});
