// Choose a test stimulus: by number, by label, or by its decision.
import { askSlowly, fail } from "./asking.js";
import { change, choose, redo, reset, undo } from "./changing.js";
import { inBounds } from "./sliders.js";
import { $, className, element, page, register } from "./state.js";

let closest = null; // the stimulus that the latest search for a close decision found

function wanted() {
  return $("label").value === "" ? null : +$("label").value;
}

// Go to the next stimulus, or the one before, of the chosen label.
function step(by) {
  const { labels, count } = page.about, label = wanted();
  for (let k = 1, at = page.view.index ?? 0; k <= count; k++) {
    at = (at + by + count) % count;
    if (label === null || labels[at] === label) return choose(at);
  }
}

function showAmong() {
  const { labels } = page.about, label = wanted(), index = page.view.index ?? 0;
  if (label === null) return void ($("among").textContent = "");
  const those = labels.filter((each) => each === label).length;
  const rank = labels.slice(0, index + 1).filter((each) => each === label).length;
  $("among").textContent = `stimulus ${rank} of ${those} with label ${className(label)}`;
}

async function search(which) {
  const { view } = page, label = wanted(), again = closest !== null && closest === (view.index ?? 0);
  const found = await askSlowly("search", () => ({ view, which, label, again }), $("searched"), "Searching …");
  if (!found) return;
  const noun = which === "wrong" ? "wrong decisions" : "decisions by their lead, the smallest first";
  const those = label === null ? `the first ${found.searched} test stimuli` : `${found.searched} test stimuli with label ${className(label)}`;
  const among = `among ${those}, with these changes but without noise on stimuli`;
  const text = found.index === null ? `There are no ${noun} ${among}.` : `${found.rank} of ${found.count} ${noun}, ${among}.`;
  closest = which === "close" ? found.index : null;
  if (found.index !== null) choose(found.index);
  $("searched").textContent = text;
}

function start() {
  const { about } = page;
  $("index").max = about.count - 1;
  $("label").append(element("option", "any", { value: "" }), ...about.classes.map((each, k) => element("option", each, { value: k })));
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("index").addEventListener("change", () => {
    const number = inBounds($("index"), "number of the stimulus", 0, about.count - 1, true);
    if (number === null) return void ($("index").value = page.view.index ?? 0);
    if (about.labels[number] !== wanted()) $("label").value = "";
    choose(number);
  });
  $("label").addEventListener("change", () => {
    const label = wanted();
    if (label !== null && !about.labels.includes(label)) {
      fail(new Error(`there is no test stimulus of ${className(label)}`));
      $("label").value = "";
    }
    if (label !== null && about.labels[page.view.index ?? 0] !== label) step(1);
    else change({});
  });
  $("next-wrong").addEventListener("click", () => search("wrong"));
  $("next-close").addEventListener("click", () => search("close"));
  $("reset").addEventListener("click", reset);
  $("undo").addEventListener("click", undo);
  $("redo").addEventListener("click", redo);
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target.matches("input[type=number]")) return;
    event.preventDefault();
    if (event.shiftKey) redo();
    else undo();
  });
}

register({
  start,
  change() {
    $("index").value = page.view.index ?? 0;
    $("searched").textContent = "";
    showAmong();
  },
});
