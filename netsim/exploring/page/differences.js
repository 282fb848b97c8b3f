// Differences from A: counts by population, the largest shifts, and right decisions over test stimuli.
import { askSlowly } from "./asking.js";
import { nameOfA, viewA } from "./changing.js";
import { select } from "./neuron.js";
import { $, counted, fill, item, nameOf, page, register, rounded } from "./state.js";

const LISTED = 3; // of each population

function show() {
  const { populations, decision, against } = page.header;
  const total = populations.reduce((sum, each) => sum + each.gained + each.lost + each.moved, 0);
  const equal = total && decision.choice === against.choice ? " The decision is the same." : "";
  $("versus").textContent = `A is ${nameOfA()}. ${counted(total, "spike")} differ.${equal}`;
  const columns = ["population", "spikes", "gained", "lost", "moved", "largest shift (ms)"];
  fill($("differences"), columns, populations.map((each) => [each.name, each.spikes, each.gained, each.lost, each.moved, rounded(each.shift)]));
  $("over").textContent = "";
  showLargest();
}

function showLargest() {
  const time = (each) => (each < Infinity ? `${each.toFixed(2)} ms` : "silent"), items = [];
  for (const { name: layer } of page.about.populations) {
    const now = page.spikes[layer], then = page.before[layer], differing = [];
    for (let n = 0; n < now.length; n++) if (now[n] !== then[n]) differing.push([Math.abs(now[n] - then[n]), n]);
    differing.sort((a, b) => b[0] - a[0] || a[1] - b[1]);
    for (const [, neuron] of differing.slice(0, LISTED)) {
      items.push(item(`${nameOf(layer, neuron)}: ${time(now[neuron])}, in A ${time(then[neuron])}`, () => select({ layer, neuron })));
    }
  }
  $("differing").replaceChildren(...items);
}

async function count() {
  const content = () => ({ view: page.view, against: viewA(), count: +$("stimuli").value });
  const told = await askSlowly("accuracy", content, $("over"), "Counting …");
  if (told) $("over").textContent = `${told.right} of ${told.count} right, in A ${told.against} of ${told.count}. ${counted(told.changed, "decision")} differ${told.changed === 1 ? "s" : ""}.`;
}

register({
  start() {
    $("count-over").addEventListener("click", count);
  },
  show,
});
