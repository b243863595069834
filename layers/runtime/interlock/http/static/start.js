// Load all modules, a few at a time, then start. Each is a request to a function, of which a new account may run ten at
// once, and a browser would ask for all modules together. What is loaded here is then in the browser's cache.
const AT_ONCE = 4;
const TRIES = 5;
const PAUSE_MS = 200;

const waiting = document.getElementById('start').dataset.modules.split(' ');

async function load(name) {
  for (let tried = 1; tried <= TRIES; tried += 1) {
    const answer = await fetch(new URL(name, import.meta.url)).catch(() => null);
    if (answer?.ok) return answer.text();
    await new Promise((done) => setTimeout(done, PAUSE_MS * 2 ** tried));
  }
  return null;
}

async function worker() {
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await load(name);
}

await Promise.all(Array.from({ length: AT_ONCE }, worker));
await import('./main.js');
