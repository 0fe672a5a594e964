// What the pages do beyond links and forms: keys, live updates, pointers on charts. Pages work without it.
import { charts } from './charts.js';
import { live } from './live.js';

const one = (query, root = document) => root.querySelector(query);
const all = (query, root = document) => [...root.querySelectorAll(query)];

// `/` searches, `?` helps, `g` and a letter go, `p` pauses, Escape closes.
let gone = 0;
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') {
    const menu = one('details.menu[open]');
    if (menu) { menu.open = false; one('summary', menu).focus(); }
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('input, textarea, select')) return;
  if (event.key === '/') {
    const field = one('#search') ?? one('input[type=search]');
    if (field) { event.preventDefault(); field.focus(); field.select(); }
  } else if (event.key === '?') {
    location.assign('/aide');
  } else if (event.key === 'p') {
    one('#pause')?.click();
  } else if (event.key === 'g') {
    gone = event.timeStamp;
  } else if (gone && event.timeStamp - gone < 1500) {
    gone = 0;
    const target = all('.side a[data-key]').find((link) => link.dataset.key === event.key);
    if (target) { event.preventDefault(); target.click(); }
  }
});

document.addEventListener('click', (event) => {
  const menu = one('details.menu[open]');
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// Arrows move in tables; one cell at a time can be reached by Tab.
function grids(root = document) {
  for (const table of all('table[data-grid]', root)) {
    const rows = all('tbody tr', table).map((row) => [...row.cells].filter((cell) => cell.offsetParent !== null));
    rows[0]?.[0]?.setAttribute('tabindex', '0');
    table.onkeydown = (event) => {
      const moves = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      const move = moves[event.key];
      const cell = event.target.closest('td');
      if (!move || !cell) return;
      const y = rows.findIndex((row) => row.includes(cell));
      const next = rows[y + move[0]]?.[rows[y].indexOf(cell) + move[1]];
      if (!next) return;
      event.preventDefault();
      for (const other of all('td[tabindex]', table)) other.setAttribute('tabindex', '-1');
      next.setAttribute('tabindex', '0');
      next.focus();
    };
  }
}

// Choices that apply at once; the button stays for those without scripts.
for (const field of all('select[data-auto]')) {
  field.addEventListener('change', () => {
    // One choice takes the place of another.
    for (const name of (field.dataset.clears ?? '').split(' ').filter(Boolean)) field.form.elements[name].value = '';
    field.form.requestSubmit();
  });
}

// A known payee needs no name and IBAN.
const payee = one('#payee');
if (payee) {
  const fresh = one('#new-payee');
  const show = () => { fresh.hidden = payee.value !== ''; };
  payee.addEventListener('change', show);
  show();
}

// A dangerous act is ready when its words are typed.
for (const field of all('input[data-phrase]')) {
  const button = one('button', field.form);
  const check = () => { button.disabled = field.value !== field.dataset.phrase; };
  field.addEventListener('input', check);
  check();
}

// What was revealed goes away by itself.
for (const box of all('[data-fade]')) setTimeout(() => box.remove(), Number(box.dataset.fade) * 1000);

function ready(root) {
  grids(root);
  charts(root);
}
ready(document);
live(ready);
