// Pictures of signed values of neurons, with their scale.
import * as draw from "./draw.js";
import { element, page, rounded } from "./state.js";

// The neuron under the mouse, or null.
export function hitOf(canvas, name, event) {
  const box = canvas.getBoundingClientRect();
  const x = Math.floor(((event.clientX - box.left) / box.width) * canvas.width);
  const y = Math.floor(((event.clientY - box.top) / box.height) * canvas.height);
  return draw.neuronAt(page.plans[name], x, y);
}

// A picture of values of neurons, in which a click chooses a neuron. `scale(least, most)` returns the texts of its ends.
export function signed(source, text, neurons, values, choose, scale = (least, most) => [rounded(least), `+${rounded(most)}`]) {
  const canvas = element("canvas", "", { role: "img", "aria-label": text }), figure = element("figure");
  const of = new Map(neurons.map((each, k) => [each, values[k]]));
  const largest = values.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
  const colour = (value) => draw.signedColour(value, largest || 1, page.about.colours);
  draw.picture(canvas, page.plans[source], (n) => (of.has(n) ? colour(of.get(n)) : 0), 420);
  canvas.addEventListener("click", (event) => {
    const hit = hitOf(canvas, source, event);
    if (hit !== null) choose(hit);
  });
  figure.append(element("figcaption", text), canvas, key(values, largest, colour, scale));
  return figure;
}

function key(values, largest, colour, scale) {
  const line = element("p", "", { class: "key" });
  if (largest < 1e-9) {
    line.textContent = "All values are 0.";
    return line;
  }
  const least = values.some((each) => each < 0) ? -largest : 0, most = values.some((each) => each > 0) ? largest : 0;
  const ramp = element("span", "", { class: "ramp" }), parts = [...Array(9).keys()].map((k) => least + ((most - least) * k) / 8);
  ramp.style.background = `linear-gradient(to right, ${parts.map((each) => draw.cssOf(colour(each))).join(", ")})`;
  const [low, high] = scale(least, most);
  line.append(least ? low : "0", ramp, most ? high : "0");
  return line;
}
