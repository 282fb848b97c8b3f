// The stimulus as a picture, on which one draws.
import { fail } from "./asking.js";
import { change, choose, setDrawing } from "./changing.js";
import { $, bytesOf, element, input, page, register, textOf } from "./state.js";

let levels = null; // while the pen is down

// Intensities of the shown stimulus, with switched pixels.
function levelsShown() {
  const shown = bytesOf(page.header.sample);
  if (shown.length !== input().size) return shown;
  for (const number of page.view.switched ?? []) shown[number] = page.spikes[input().name][number] < Infinity ? 255 : 0;
  return shown;
}

function show(force = false) {
  const { sample, plane } = page.about;
  if (!sample || plane || (levels && force !== true)) return;
  const [height, width, channels] = sample, paper = $("paper"), shown = levelsShown();
  paper.width = width;
  paper.height = height;
  const context = paper.getContext("2d"), image = context.createImageData(width, height);
  for (let n = 0; n < width * height; n++) {
    const pixel = [0, 1, 2].map((k) => shown[n * channels + (channels === 3 ? k : 0)]);
    image.data.set([...pixel, 255], 4 * n);
  }
  context.putImageData(image, 0, 0);
}

function present(drawn) {
  page.header.sample = textOf(drawn); // is shown before the answer
  delete page.view.switched;
  show(true);
  setDrawing(page.header.sample);
}

function paint(event) {
  const [height, width, channels] = page.about.sample, box = $("paper").getBoundingClientRect();
  const x = ((event.clientX - box.left) / box.width) * width, y = ((event.clientY - box.top) / box.height) * height;
  const radius = Math.max(1, Math.min(height, width) / 20);
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      const near = Math.min(Math.max(1.5 - Math.hypot(column + 0.5 - x, row + 0.5 - y) / radius, 0), 1) * 255;
      for (let k = 0; k < channels; k++) {
        const n = (row * width + column) * channels + k;
        levels[n] = $("pen").value === "1" ? Math.max(levels[n], near) : Math.min(levels[n], 255 - near);
      }
    }
  }
  present(levels);
}

function listenToKeys() {
  const [height, width, channels] = page.about.sample;
  let at = null;
  $("paper").addEventListener("keydown", (event) => {
    const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1], " ": [0, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    at = [width, height].map((size, k) => Math.min(Math.max((at ? at[k] : Math.floor(size / 2)) + move[k], 0), size - 1));
    $("paper-at").textContent = `pen at row ${at[1]}, column ${at[0]}`;
    if (event.key !== " ") return;
    const drawn = levelsShown(), first = (at[1] * width + at[0]) * channels;
    drawn.fill($("pen").value === "1" ? 255 : 0, first, first + channels);
    present(drawn);
  });
}

async function load(file) {
  const [height, width, channels] = page.about.sample;
  try {
    const bitmap = await createImageBitmap(file), small = element("canvas");
    [small.width, small.height] = [width, height];
    small.getContext("2d").drawImage(bitmap, 0, 0, width, height);
    const { data } = small.getContext("2d").getImageData(0, 0, width, height), drawn = new Uint8Array(height * width * channels);
    for (let n = 0; n < height * width; n++) {
      const grey = 0.299 * data[4 * n] + 0.587 * data[4 * n + 1] + 0.114 * data[4 * n + 2];
      for (let k = 0; k < channels; k++) drawn[n * channels + k] = channels === 3 ? data[4 * n + k] : grey;
    }
    present(drawn);
  } catch {
    fail(new Error(`${file.name} is no picture that this browser can read`));
  }
}

function start() {
  const { sample, plane } = page.about, paper = $("paper");
  $("drawing").hidden = !sample || plane;
  if (!sample || plane || page.stored) return;
  listenToKeys();
  paper.addEventListener("pointerdown", (event) => {
    const box = paper.getBoundingClientRect();
    if (event.shiftKey) {
      const at = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      return change({ occluded: at.map((part) => Math.min(Math.max(part, 0), 1)), occlusion: page.view.occlusion || 0.25 });
    }
    paper.setPointerCapture(event.pointerId);
    levels = levelsShown();
    paint(event);
  });
  paper.addEventListener("pointermove", (event) => levels && paint(event));
  const lift = () => (levels = null);
  paper.addEventListener("pointerup", lift);
  paper.addEventListener("pointercancel", lift);
  const [height, width, channels] = sample;
  $("clear").addEventListener("click", () => present(new Uint8Array(height * width * channels)));
  $("undraw").addEventListener("click", () => choose(page.view.index ?? 0));
  $("picture").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file may be loaded again
    if (file) load(file);
  });
}

register({ start, show });
