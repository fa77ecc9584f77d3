// Without this script the page works by its button. With it, what a form says is shown while it is typed.
const form = document.querySelector('form');
const box = form.querySelector('[name=q], [name=text]');
let waiting, running;

async function show(address) {
  running?.abort();
  running = new AbortController();
  const results = document.getElementById('results');
  results.setAttribute('aria-busy', 'true');
  try {
    const answer = await fetch(address, { signal: running.signal });
    const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
    results.replaceWith(page.getElementById('results'));
    document.querySelectorAll('[data-keep]').forEach((link) => { link.href = page.getElementById(link.id).href; });
    again();
  } catch (error) {
    if (error.name === 'AbortError') return;
    results.textContent = form.dataset.stopped;
    results.className = 'sentence';
    results.removeAttribute('aria-busy');
  }
}

function asked() {
  const values = [...new FormData(form)].filter(([, value]) => value !== '');
  const address = `${form.getAttribute('action')}?${new URLSearchParams(values)}`;
  history.replaceState(null, '', address);
  return address;
}

function again() { // while something loads, look again
  if (document.querySelector('[data-loading]')) waiting = setTimeout(() => show(location.href), 1000);
}

form.addEventListener('input', (event) => {
  clearTimeout(waiting);
  const output = form.querySelector('output');
  if (output) output.value = form.max_ratio.value;
  waiting = setTimeout(() => show(asked()), event.target === box ? 150 : 0);
});
form.addEventListener('submit', (event) => {
  event.preventDefault();
  clearTimeout(waiting);
  show(asked());
});
document.addEventListener('keydown', (event) => {
  if (event.key === '/' && !event.target.matches('input[type=search], textarea')) {
    event.preventDefault();
    box?.focus();
  }
});
document.addEventListener('click', async (event) => {
  const button = event.target.closest('[data-copy]');
  if (!button) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  button.textContent = button.dataset.done;
});
again();
