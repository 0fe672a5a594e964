// A crosshair and the figures beside it, by pointer or by arrow keys; a part of a picture by day is chosen by drawing over it,
// or with Shift and arrows; a click or Enter leads to the operations behind a figure. What is shown comes with the picture.
const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
document.body.append(tip);
const space = 'http://www.w3.org/2000/svg';
const dayLength = 86400000;
// A pointer that moved less has clicked.
const dragFrom = 6;

function element(name, attributes) {
  const made = document.createElementNS(space, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function layer(svg, name) {
  let group = svg.querySelector(`g.${name}`);
  if (!group) {
    group = element('g', { class: name });
    svg.append(group);
  }
  group.replaceChildren();
  return group;
}

function say(words) {
  const says = document.querySelector('#says');
  if (says) says.textContent = words;
}

// One picture under a pointer or the keys.
class Chart {
  constructor(svg) {
    this.svg = svg;
    this.figure = svg.closest('figure');
    // The place under the crosshair, whether it is shown, and the other end of a part that is being chosen.
    this.index = this.figures.x.length - 1;
    this.isShown = false;
    this.anchor = null;
    svg.addEventListener('pointermove', (event) => this.move(event));
    svg.addEventListener('pointerdown', (event) => this.press(event));
    svg.addEventListener('pointerup', (event) => this.release(event));
    svg.addEventListener('pointercancel', () => this.drop());
    svg.addEventListener('pointerleave', () => { if (!this.start) this.hide(); });
    svg.addEventListener('blur', () => { this.drop(); this.hide(); });
    svg.addEventListener('keydown', (event) => this.key(event));
    // The figures were read again: the crosshair stays where it was.
    svg.addEventListener('figures', () => this.renew());
  }

  // Read anew when the page's update has brought others.
  get figures() {
    if (this.text !== this.svg.dataset.hover) {
      this.text = this.svg.dataset.hover;
      this.known = JSON.parse(this.text);
    }
    return this.known;
  }

  get first() { return this.figure?.dataset.first; }

  day(index) {
    return new Date(Date.parse(`${this.first}T00:00:00Z`) + index * (this.figures.e ?? 1) * dayLength).toISOString().slice(0, 10);
  }

  nearest(event) {
    const box = this.svg.getBoundingClientRect();
    const x = (event.clientX - box.left) * this.svg.viewBox.baseVal.width / box.width;
    return this.figures.x.reduce((best, value, at) => Math.abs(value - x) < Math.abs(this.figures.x[best] - x) ? at : best, 0);
  }

  move(event) {
    this.index = this.nearest(event);
    if (this.start && Math.abs(event.clientX - this.start.x) > dragFrom) {
      this.anchor = this.start.index;
      this.cover();
    }
    this.show(event.clientX, event.clientY);
  }

  press(event) {
    if (event.button !== 0 || event.pointerType === 'touch') return;
    this.start = { x: event.clientX, index: this.nearest(event) };
    if (this.first) {
      event.preventDefault();
      this.svg.setPointerCapture(event.pointerId);
    }
  }

  release(event) {
    if (!this.start) return;
    const isDrag = Math.abs(event.clientX - this.start.x) > dragFrom;
    this.start = null;
    if (isDrag && this.anchor !== null) this.apply();
    else this.open();
  }

  key(event) {
    const { figures } = this;
    if (event.key === 'Escape') {
      this.drop();
      this.hide();
      return;
    }
    if (event.key === 'Enter') {
      event.preventDefault();
      if (this.anchor !== null) this.apply();
      else this.open();
      return;
    }
    const step = { ArrowLeft: -1, ArrowRight: 1, Home: -figures.x.length, End: figures.x.length }[event.key];
    if (!step) return;
    event.preventDefault();
    if (event.shiftKey && this.first) this.anchor ??= this.index;
    else this.drop();
    this.index = Math.max(0, Math.min(figures.x.length - 1, this.index + step));
    this.place();
    if (this.anchor !== null) {
      this.cover();
      const [from, to] = this.range();
      say(this.figure.dataset.range.replace('{from}', figures.l[from]).replace('{to}', figures.l[to]));
    } else {
      say([figures.l[this.index], ...figures.s.map((series) => `${series.n} ${series.v[this.index] ?? ''}`)].join(', '));
    }
  }

  range() { return [Math.min(this.anchor, this.index), Math.max(this.anchor, this.index)]; }

  // What will be chosen is shaded.
  cover() {
    const { figures } = this;
    const [from, to] = this.range();
    const [left, right] = [figures.x[from], figures.x[to]];
    layer(this.svg, 'brush').append(element('rect', {
      x: left, y: figures.t, width: Math.max(right - left, 1), height: figures.b - figures.t, fill: 'var(--chart-1)', 'fill-opacity': .18,
    }));
  }

  drop() {
    this.anchor = null;
    this.start = null;
    this.svg.querySelector('g.brush')?.remove();
  }

  // The page's own filters take the days: the address holds what is seen.
  apply() {
    const [from, to] = this.range();
    const address = new URL(location.href);
    address.searchParams.delete('jours');
    address.searchParams.set('du', this.day(from));
    address.searchParams.set('au', this.day(to));
    this.drop();
    location.assign(address);
  }

  open() { lead(this.figure, this.index * (this.figures.e ?? 1), 0); }

  place() {
    const box = this.svg.getBoundingClientRect();
    const scale = box.width / this.svg.viewBox.baseVal.width;
    this.show(box.left + this.figures.x[this.index] * scale, box.top + this.figures.t * scale + 40);
  }

  show(x, y) {
    const { figures, index } = this;
    const mark = layer(this.svg, 'cross');
    mark.append(element('line', { x1: figures.x[index], x2: figures.x[index], y1: figures.t, y2: figures.b, stroke: 'var(--muted)', 'stroke-dasharray': '3 3' }));
    tip.replaceChildren();
    const head = document.createElement('strong');
    head.textContent = figures.l[index];
    tip.append(head);
    for (const series of figures.s) {
      if (series.v[index] === null) continue;
      mark.append(element('circle', { cx: figures.x[index], cy: series.y[index], r: 4, fill: `var(--${series.c})`, stroke: 'var(--surface)', 'stroke-width': 2 }));
      const row = document.createElement('span');
      const name = document.createElement('span');
      const colour = document.createElement('i');
      colour.className = series.c;
      name.append(colour, series.n);
      const value = document.createElement('b');
      value.textContent = series.v[index];
      row.append(name, value);
      tip.append(row);
    }
    tip.hidden = false;
    this.isShown = true;
    this.at = { x, y };
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(x + 16, innerWidth - box.width - 8))}px`;
    tip.style.top = `${Math.max(8, Math.min(y - box.height - 12, innerHeight - box.height - 8))}px`;
  }

  hide() {
    this.svg.querySelector('g.cross')?.remove();
    if (this.isShown) tip.hidden = true;
    this.isShown = false;
  }

  renew() {
    const label = this.known?.l[this.index];
    const at = this.figures.l.indexOf(label);
    this.index = at >= 0 ? at : Math.min(this.index, this.figures.x.length - 1);
    if (this.isShown) this.show(this.at.x, this.at.y);
    if (this.anchor !== null) this.drop();
  }
}

// Where the figure in a row and column of the picture's table leads to.
function lead(figure, row, column) {
  figure?.querySelector('table.twin')?.tBodies[0]?.rows[row]?.cells[column]?.querySelector('a')?.click();
}

export function charts(root) {
  for (const svg of root.querySelectorAll('svg[data-hover]')) {
    if (svg.dataset.ready) continue;
    svg.dataset.ready = '1';
    new Chart(svg);
  }
  for (const figure of root.querySelectorAll('figure[data-leads]')) {
    if (figure.dataset.ready) continue;
    figure.dataset.ready = '1';
    figure.addEventListener('click', (event) => {
      const place = event.target.closest('[data-at]')?.dataset.at.split(' ').map(Number);
      if (place) lead(figure, ...place);
    });
  }
}
