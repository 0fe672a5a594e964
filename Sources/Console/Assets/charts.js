// A crosshair and the figures beside it, by pointer or by arrow keys. What is shown comes with the picture.
const tip = document.createElement('div');
tip.className = 'tip';
tip.hidden = true;
document.body.append(tip);
const space = 'http://www.w3.org/2000/svg';

function show(svg, figures, index, x, y) {
  let mark = svg.querySelector('g.cross');
  if (!mark) {
    mark = document.createElementNS(space, 'g');
    mark.setAttribute('class', 'cross');
    svg.append(mark);
  }
  mark.replaceChildren();
  const line = document.createElementNS(space, 'line');
  for (const [name, value] of Object.entries({ x1: figures.x[index], x2: figures.x[index], y1: figures.t, y2: figures.b, stroke: 'var(--muted)', 'stroke-dasharray': '3 3' })) line.setAttribute(name, value);
  mark.append(line);
  tip.replaceChildren();
  const head = document.createElement('strong');
  head.textContent = figures.l[index];
  tip.append(head);
  for (const series of figures.s) {
    if (series.v[index] === null) continue;
    const dot = document.createElementNS(space, 'circle');
    for (const [name, value] of Object.entries({ cx: figures.x[index], cy: series.y[index], r: 4, fill: `var(--${series.c})`, stroke: 'var(--surface)', 'stroke-width': 2 })) dot.setAttribute(name, value);
    mark.append(dot);
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
  const box = tip.getBoundingClientRect();
  tip.style.left = `${Math.max(8, Math.min(x + 16, innerWidth - box.width - 8))}px`;
  tip.style.top = `${Math.max(8, Math.min(y - box.height - 12, innerHeight - box.height - 8))}px`;
}

function hide(svg) {
  svg.querySelector('g.cross')?.remove();
  tip.hidden = true;
}

export function charts(root) {
  for (const svg of root.querySelectorAll('svg[data-hover]')) {
    if (svg.dataset.ready) continue;
    svg.dataset.ready = '1';
    const figures = JSON.parse(svg.dataset.hover);
    let index = figures.x.length - 1;
    const place = () => {
      const box = svg.getBoundingClientRect();
      const scale = box.width / svg.viewBox.baseVal.width;
      show(svg, figures, index, box.left + figures.x[index] * scale, box.top + figures.t * scale + 40);
    };
    svg.addEventListener('pointermove', (event) => {
      const box = svg.getBoundingClientRect();
      const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
      index = figures.x.reduce((best, value, at) => Math.abs(value - x) < Math.abs(figures.x[best] - x) ? at : best, 0);
      show(svg, figures, index, event.clientX, event.clientY);
    });
    svg.addEventListener('pointerleave', () => hide(svg));
    svg.addEventListener('blur', () => hide(svg));
    svg.addEventListener('keydown', (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1, Home: -figures.x.length, End: figures.x.length }[event.key];
      if (event.key === 'Escape') return hide(svg);
      if (!step) return;
      event.preventDefault();
      index = Math.max(0, Math.min(figures.x.length - 1, index + step));
      place();
      const says = document.querySelector('#says');
      if (says) says.textContent = [figures.l[index], ...figures.s.map((series) => `${series.n} ${series.v[index] ?? ''}`)].join(', ');
    });
  }
}
