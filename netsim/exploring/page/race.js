// The race of the outputs: their potentials up to the decision.
import * as draw from "./draw.js";
import { $, className, differs, full, output, page, register } from "./state.js";

function show() {
  const { about, header, view, cursor } = page, times = page.spikes[output().name];
  const curve = (points, k, dashed) => ({ points, dashed, colour: draw.colourOf(k), wide: k === header.decision.choice });
  const curves = header.races[0].map((each, k) => curve(each, k, false));
  if (differs()) curves.unshift(...header.races[1].map((each, k) => curve(each, k, true)));
  const marks = [...times].flatMap((time, k) => (time < Infinity ? [{ time, colour: draw.colourOf(k), name: className(k) }] : []));
  const window = full(header.populations.at(-1).window);
  draw.lines($("race"), about.duration, curves, { threshold: about.threshold * (view.threshold ?? 1), marks, cursor, window });
  const order = [...times.keys()].filter((k) => times[k] < Infinity).sort((a, b) => times[a] - times[b]).slice(0, 3);
  const places = order.map((k) => `${className(k)} at ${times[k].toFixed(2)} ms`).join(", then ");
  const key = curves.length ? " A colour is an output, and the thick line decides." : "";
  const dashed = differs() ? " Dashed lines are A." : "";
  $("margin").textContent = (order.length ? `First ${places}.` : "No output fires.") + key + dashed;
}

register({ show, move: show, theme: show });
