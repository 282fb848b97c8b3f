// Which hidden neuron decides: the one whose lesion costs the decision most of its lead.
import { askSlowly, drop } from "./asking.js";
import { lesion } from "./changing.js";
import { select } from "./neuron.js";
import { $, className, element, fill, nameOf, page, register, rounded } from "./state.js";

const WAIT = 400, QUICK = 1500; // ms without a change, before the question is asked again if it was answered quickly
let later, took = Infinity, asked = false;

async function ask() {
  const start = performance.now();
  asked = true;
  const told = await askSlowly("deciding-neurons", () => ({ view: page.view }), $("decider"), "Removing each hidden neuron …");
  if (!told && $("decider").textContent !== "") return; // a newer question is under way
  took = performance.now() - start;
  $("deciding").classList.remove("old");
  if (told) show(told);
  else clear();
}

function clear() {
  $("deciders").replaceChildren();
  $("measures").hidden = true;
}

function show({ choice, lead, tried, neurons }) {
  clear();
  const winner = className(choice), first = neurons[0];
  if (choice < 0) return void ($("decider").textContent = "No output fires, so no neuron decides.");
  if (!first) return void ($("decider").textContent = "No hidden neuron fires.");
  const name = nameOf(first.layer, first.neuron), turned = first.choice !== choice;
  const lost = `the lead of ${winner} over the next output falls from ${rounded(lead)} to ${rounded(first.lead)} ms`;
  let answer = `${name} matters most: without it, ${lost}.`;
  if (turned) answer = `${name} decides: without it, ${named(first.choice)}.`;
  else if (lead - first.lead < 1e-9) answer = "No hidden neuron matters: without any one of them, the lead does not fall.";
  const single = turned ? "" : ` No single one of the ${tried} hidden neurons that fire turns the decision.`;
  $("decider").textContent = answer + single;
  const columns = ["hidden neuron", "lead without it (ms)", "then wins", `adds to the potential of ${winner}`, ""];
  fill($("deciders"), columns, neurons.map(({ layer, neuron, choice: then, lead: left, added, rank }) => [
    element("button", nameOf(layer, neuron), { onclick: () => select({ layer, neuron }) }),
    rounded(left),
    className(then),
    added === null ? "–" : `${added > 0 ? "+" : ""}${rounded(added)} (rank ${rank})`,
    element("button", "Lesion", { class: "live", onclick: () => lesion("silenced", layer, neuron) }),
  ]));
  $("measures").hidden = false;
}

function named(choice) {
  return choice < 0 ? "no output fires" : `${className(choice)} wins`;
}

register({
  start() {
    $("decide").addEventListener("click", ask);
  },
  change() {
    if (!asked) return;
    drop("deciding-neurons");
    $("deciding").classList.add("old");
    clearTimeout(later);
    if (took < QUICK) later = setTimeout(ask, WAIT);
    else $("decider").textContent = "This was before the change. Press again.";
  },
});
