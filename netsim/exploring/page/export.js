// Take it with you: the link, the figure, the table, and the program and command that give the same.
import { ask, fail } from "./asking.js";
import { viewA } from "./changing.js";
import { $, differs, element, page, register } from "./state.js";

function save(blob, name) {
  const link = element("a", "", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// The beginning of the names of files: model, stimulus and changes.
function stem() {
  const { about, view } = page, parts = [about.name, view.drawing ? "drawing" : view.index ?? 0, ...Object.entries(view.studies ?? {}).flat()];
  if (view.switched) parts.push("switched", ...view.switched.slice(0, 5));
  for (const which of ["silenced", "maps"]) {
    for (const [name, chosen] of Object.entries(view[which] ?? {})) {
      parts.push(which === "maps" ? "lesion-map" : "lesion", name, ...chosen.slice(0, 5));
    }
  }
  for (const name of ["contrast", "noise", "occlusion", "threshold", "delay", "regime", "engine", "dt", "seed"]) {
    if (view[name] !== undefined) parts.push(name, view[name]);
  }
  return `${parts.join("-").replace(/[^\w.-]+/g, "-").slice(0, 120)}-spikes`;
}

async function fetchAndSave(question, content, suffix) {
  try {
    save(await (await ask(question, content)).blob(), `${stem()}.${suffix}`);
  } catch (error) {
    fail(error);
  }
}

async function copyLink() {
  try {
    await navigator.clipboard.writeText(location.href);
    $("link").textContent = "Copied";
    setTimeout(() => ($("link").textContent = "Copy link"), 1500);
  } catch {
    fail(new Error("the clipboard is closed; copy the address of this page"));
  }
}

register({
  start() {
    $("link").addEventListener("click", copyLink);
    for (const button of document.querySelectorAll("[data-figure]")) {
      const format = button.dataset.figure;
      button.addEventListener("click", () => fetchAndSave("figure", { view: page.view, format, against: differs() ? viewA() : null }, format));
    }
    $("table").addEventListener("click", () => fetchAndSave("table", { view: page.view }, "csv"));
  },
  show() {
    $("python").textContent = page.header.python;
    $("command").textContent = page.header.command;
  },
});
