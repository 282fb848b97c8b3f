// Questions to the server. A newer question of the same kind ends an older one, here and in the server.
import { $, bytesOf, page } from "./state.js";

const me = Math.random().toString(36).slice(2), asked = {}, turns = {}, AGAIN = 300; // ms
let failed = null;

export async function ask(question, content = {}) {
  if (page.stored) return answerOf(question, content);
  stop(question);
  asked[question] = new AbortController();
  const { signal } = asked[question], body = JSON.stringify(content);
  const response = await fetch(`ask/${question}`, { method: "POST", headers: { page: me }, body, signal });
  if (response.status === 409) throw new DOMException("superseded", "AbortError");
  if (!response.ok) throw new Error((await response.text()) || "the server refused; start netsim explore again");
  return response;
}

export function stop(question) {
  asked[question]?.abort();
}

// End a question that takes time for good.
export function drop(question) {
  turns[question] = null;
  stop(question);
}

// In the demo of the documentation answers are stored in the page, because there is no server.
async function answerOf(question, { view = {}, layer, neuron, part }) {
  if (isChanged(view)) throw new Error("this demo has ten unchanged presentations; netsim explore changes them");
  const parts = [question, view.index ?? 0, layer, neuron ?? part], kept = page.stored[parts.filter((each) => each !== undefined).join(":")];
  if (kept === undefined) throw new Error("this demo has no answer stored for that; netsim explore answers it");
  return typeof kept === "string" ? new Response(bytesOf(kept)) : new Response(JSON.stringify(kept));
}

export function isChanged(view) {
  return page.pinned !== null || Object.keys(view).some((name) => name !== "index" && view[name] !== undefined);
}

export async function unpack(text) {
  const packed = new Response(bytesOf(text)).body.pipeThrough(new DecompressionStream("gzip"));
  return new Response(packed).json();
}

// Show an error until the same work succeeds, or until the next input.
export function fail(error, of = null) {
  if (error.name === "AbortError") return;
  failed = of;
  $("error").textContent = error instanceof TypeError ? "netsim explore has ended; start it again" : error.message;
  $("error").hidden = false;
}

export function forgive() {
  $("error").hidden = true;
}

// Of each kind of work one is under way, and only the newest waits.
export function newest(work, tell = () => {}) {
  let busy = false, waiting = false;
  return async function run() {
    if (busy) return void (waiting = true);
    busy = true;
    tell(true);
    try {
      await work(() => waiting);
      if (failed === work) forgive();
    } catch (error) {
      fail(error, work);
    }
    busy = false;
    tell(waiting);
    if (waiting) {
      waiting = false;
      run();
    }
  };
}

// Ask a question that takes time, with a note in `output` meanwhile. `content()` returns its arguments. Answers to the
// view go first: the server ends this question then, and it is asked again. Without an answer the result is null.
export async function askSlowly(question, content, output, note) {
  const turn = (turns[question] = {});
  output.textContent = note;
  while (turns[question] === turn) {
    try {
      return await (await ask(question, content())).json();
    } catch (error) {
      if (error.name !== "AbortError") {
        output.textContent = "";
        fail(error);
        return null;
      }
    }
    await new Promise((done) => setTimeout(done, AGAIN));
  }
  return null;
}
