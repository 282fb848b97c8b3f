// The raster of all populations, and the cursor in time.
import { keep } from "./changing.js";
import * as draw from "./draw.js";
import { touch } from "./maps.js";
import { $, differs, every, page, patch, register } from "./state.js";

let playing = null;

function show() {
  const { about, spikes, before, cursor, header } = page, beside = $("beside").checked;
  const windows = header.populations.map((each) => each.window);
  $("rasters").classList.toggle("beside", beside);
  draw.raster($("raster"), about, spikes, windows, cursor, differs() ? before : null);
  if (beside) draw.raster($("raster-a"), about, before, windows, cursor, differs() ? spikes : null);
  $("cursor").value = cursor;
  $("time").textContent = `${cursor.toFixed(1)} ms`;
  showKey();
}

function showKey() {
  const key = $("raster-key");
  key.replaceChildren("Each dot is a spike. Shading: firing window. Line: time cursor.");
  if (!differs()) return;
  const ink = draw.css("--ink"), grey = draw.css("--faint");
  key.append(" ", patch(ink, "strong: differs from A"), patch(ink, "pale: same as in A", 0.35), patch(grey, "grey: only in A"));
}

function play() {
  if (playing !== null) return stop();
  if (page.cursor >= page.about.duration) page.cursor = 0;
  $("play").textContent = "Pause";
  let last = null;
  const step = (now) => {
    page.cursor = Math.min(page.cursor + (last === null ? 0 : now - last) * +$("speed").value, page.about.duration);
    last = now;
    move();
    if (page.cursor < page.about.duration) playing = requestAnimationFrame(step);
    else stop();
  };
  playing = requestAnimationFrame(step);
}

function stop() {
  cancelAnimationFrame(playing);
  playing = null;
  $("play").textContent = "Play";
}

function move() {
  if (page.header) every("move");
}

function start() {
  $("cursor").max = page.about.duration;
  $("cursor").addEventListener("input", () => {
    page.cursor = +$("cursor").value;
    move();
  });
  $("cursor").addEventListener("change", keep);
  $("play").addEventListener("click", play);
  $("beside").addEventListener("change", move);
  $("raster").addEventListener("click", (event) => {
    const hit = draw.spikeAt($("raster"), page.about, page.spikes, event.offsetX, event.offsetY);
    if (hit) return touch(hit.layer, hit.neuron);
    page.cursor = draw.timeAt($("raster"), page.about, event.offsetX);
    move();
  });
  window.addEventListener("resize", move);
}

register({ start, show, move: show, theme: show });
