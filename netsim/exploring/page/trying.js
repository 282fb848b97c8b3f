// Try each: the effect of each pixel, neuron or map on the lead of the decision.
import { askSlowly, drop } from "./asking.js";
import { lesion, switchPixel } from "./changing.js";
import { signed } from "./signed.js";
import { $, className, counted, element, fill, input, item, nameOf, page, pixelNoun, register, rounded } from "./state.js";

const WAIT = 400; // ms without a change, before the question is asked again
let outcome = null, asked = false, later;

async function ask() {
  const content = () => {
    const [part, layer] = $("part").value.split(":"), rival = $("rival").value === "" ? null : +$("rival").value;
    return { view: page.view, layer, part, rival, count: +$("count").value };
  };
  asked = true;
  const told = await askSlowly("effects", content, $("outcome"), "Trying …");
  if (!told && $("outcome").textContent !== "") return; // a newer question is under way, or none is wanted
  outcome = told;
  $("effects").classList.remove("old");
  if (outcome) show();
  else $("effects").replaceChildren();
}

function clear() {
  outcome = null;
  asked = false;
  drop("effects");
  clearTimeout(later);
  $("outcome").textContent = "Press Try.";
  $("effects").replaceChildren();
}

function nouns() {
  const { part } = outcome;
  if (part === "pixels") return [pixelNoun(), "switched", "Switch"];
  return [part.slice(0, -1), "lesioned", "Lesion"];
}

function apply(k) {
  const { part, layer, numbers } = outcome;
  if (part === "pixels") switchPixel(numbers[k]);
  else lesion(part === "maps" ? "maps" : "silenced", layer, numbers[k]);
}

function overWhom() {
  return outcome.rival === null ? "the next output" : className(outcome.rival);
}

function show() {
  const { layer, part, choice, lead, numbers, choices, leads } = outcome, [noun, verb, verbing] = nouns();
  $("effects").replaceChildren();
  if (choice < 0) return void ($("outcome").textContent = "No output fires, so there is no lead. Choose another stimulus, or change less.");
  if (!numbers.length) {
    return void ($("outcome").textContent = part === "maps" ? "All maps are lesioned already, so there is nothing to try." : `No neuron of ${layer} fires, so there is nothing to try.`);
  }
  const turned = choices.filter((each) => each !== choice).length, rows = [...numbers.keys()].sort((a, b) => leads[a] - leads[b]);
  const keeping = rows.filter((k) => choices[k] === choice && leads[k] >= 0.99 * lead).length;
  const only = { neurons: " Silent neurons are left out, because their lesion changes nothing.", maps: " Maps that are lesioned already are left out." }[part] ?? "";
  $("outcome").textContent = `${className(choice)} fires ${rounded(lead)} ms before ${overWhom()}. ${counted(numbers.length, noun)} ${numbers.length === 1 ? "was" : "were"} ${verb}, one at a time.`
    + ` ${numbers.length - turned} keep the decision, ${keeping} of these also keep at least 99 % of the lead. ${turned || "None"} change${turned === 1 ? "s" : ""} the decision.${only}`;
  const strongest = element("button", `${verbing} the strongest`, { class: "live", onclick: () => apply(rows[0]) });
  $("effects").append(picture(noun, verbing), strongest, ...(outcome.accuracy ? mapsLost() : largest(rows, verbing)));
}

// A picture of the change of the lead by each part.
function picture(noun, verbing) {
  const { layer, part, lead, numbers, leads } = outcome, plan = page.plans[layer];
  const change = new Map(numbers.map((each, k) => [each, lead - leads[k]])), of = (neuron) => (part === "maps" ? neuron % plan.maps : neuron);
  const all = part === "maps" ? [...Array(plan.count).keys()] : numbers;
  const text = `Change of the lead over ${overWhom()}. A click ${verbing.toLowerCase()}${verbing === "Switch" ? "es" : "s"} ${noun === "input" ? "an" : "a"} ${noun}.`;
  const choose = (neuron) => change.has(of(neuron)) && apply(numbers.indexOf(of(neuron)));
  return signed(layer, text, all, all.map((each) => change.get(of(each)) ?? 0), choose, (least, most) => [`rises by ${rounded(-least)} ms`, `falls by ${rounded(most)} ms`]);
}

// The largest losses of the lead.
function largest(rows, verbing) {
  const { layer, choice, lead, numbers, choices, leads } = outcome, list = element("ol");
  for (const k of rows.slice(0, 10)) {
    const other = choices[k] === choice ? "" : `, then ${choices[k] < 0 ? "no output fires" : `${className(choices[k])} wins`}`;
    list.append(item(`${nameOf(layer, numbers[k])}: lead ${rounded(lead)} → ${rounded(leads[k])} ms${other}`, () => apply(k)));
  }
  return [element("p", `Largest losses of the lead by ${verbing === "Switch" ? "a switch" : "a lesion"}. A click applies it.`), list];
}

// All maps, those first that can be lost without loss: with the accuracy over test stimuli without each.
function mapsLost() {
  const { layer, numbers, choices, leads, accuracy, lead } = outcome, { count, before, right, changed } = accuracy;
  const order = [...numbers.keys()].sort((a, b) => changed[a] - changed[b] || right[b] - right[a] || leads[b] - leads[a]);
  const best = order[0], same = changed.filter((each) => each === 0).length, harmless = right.filter((each) => each >= before).length;
  const verdict = changed[best] ? "costs least" : "can be lost";
  const answer = `Map ${layer}:${numbers[best]} ${verdict}: without it, ${right[best]} of the first ${count} test stimuli are right (${before} with all maps), and ${changed[best] || "no"} decision${changed[best] > 1 ? "s change" : " changes"}.`;
  const others = `${same} of ${counted(numbers.length, "map")} can be lost, one at a time, without a changed decision, and ${harmless} without a loss of accuracy.`;
  const table = element("table"), frame = element("div", "", { class: "scroll", tabindex: 0, "aria-label": "maps" });
  fill(table, ["map", "right", "change", "changed decisions", "lead (ms)", "decision", ""], order.map((k) => [
    `${layer}:${numbers[k]}`,
    `${right[k]} of ${count}`,
    right[k] === before ? "0" : `${right[k] > before ? "+" : "−"}${Math.abs(right[k] - before)}`,
    changed[k],
    rounded(leads[k]),
    className(choices[k]),
    element("button", "Lesion", { class: "live", onclick: () => apply(k) }),
  ]));
  frame.append(table);
  const note = `The least harmful map is first. Lead and decision are those of this stimulus, with a lead of ${rounded(lead)} ms before.`;
  return [element("p", `${answer} ${others}`), frame, element("p", note, { class: "key" })];
}

function start() {
  const { about } = page;
  for (const { name, maps, relay } of about.populations) {
    const isInput = name === input().name;
    $("part").append(element("option", isInput ? `${pixelNoun()} of the stimulus` : `neuron of ${name}`, { value: `${isInput ? "pixels" : "neurons"}:${name}` }));
    if (!isInput && maps > 1 && !relay) $("part").append(element("option", `map of ${name}`, { value: `maps:${name}` }));
  }
  $("rival").append(element("option", "the next output", { value: "" }), ...about.classes.map((each, k) => element("option", each, { value: k })));
  const counts = () => ($("counts").hidden = !$("part").value.startsWith("maps"));
  $("part").addEventListener("change", counts);
  counts();
  $("try").addEventListener("click", ask);
  for (const id of ["part", "rival", "count"]) $(id).addEventListener("change", clear);
}

register({
  start,
  change() {
    if (!asked) return;
    drop("effects");
    $("effects").classList.add("old"); // until the answer to the change
    clearTimeout(later);
    later = setTimeout(ask, WAIT);
  },
  theme() {
    if (outcome) show();
  },
});
