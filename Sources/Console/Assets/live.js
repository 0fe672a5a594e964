// Live pages: Realtime says that a table of the bank has changed, then the page's own parts are read again. Its address and
// its cookie say what may be seen; the message itself is only a bell. Pages without a table to watch read at intervals.
const pauseAfterChange = 400;
// What scripts wrote on elements of the page, and parts that only they draw.
const own = new Set(['data-ready', 'open', 'tabindex']);
const drawn = (node) => node.nodeType === 1 && node.matches('g.cross, g.brush');

// Makes a picture that is shown the one that was read: what is the same stays as it is, a line that has grown gets its new
// points, and whatever stands over it, such as a crosshair, is left alone.
export function morph(old, next) {
  if (old.nodeType !== next.nodeType || old.nodeName !== next.nodeName) return old.replaceWith(next.cloneNode(true));
  if (old.nodeType !== 1) {
    if (old.nodeValue !== next.nodeValue) old.nodeValue = next.nodeValue;
    return undefined;
  }
  for (const { name, value } of next.attributes) if (old.getAttribute(name) !== value && !own.has(name)) old.setAttribute(name, value);
  for (const { name } of [...old.attributes]) if (!next.hasAttribute(name) && !own.has(name)) old.removeAttribute(name);
  const [mine, theirs] = [[...old.childNodes].filter((node) => !drawn(node)), [...next.childNodes]];
  theirs.forEach((node, place) => {
    if (place < mine.length) morph(mine[place], node);
    else old.insertBefore(node.cloneNode(true), [...old.childNodes].find(drawn) ?? null);
  });
  for (const node of mine.slice(theirs.length)) node.remove();
  if (old.matches('svg[data-hover]')) old.dispatchEvent(new Event('figures'));
  return undefined;
}

// A part whose pictures are those that are shown already keeps them.
function redraw(part, next) {
  const pictures = [...part.querySelectorAll('figure[data-figure]')];
  const others = [...next.querySelectorAll('figure[data-figure]')];
  const isSame = pictures.length > 0 && pictures.length === others.length
    && pictures.every((picture, place) => picture.dataset.figure === others[place].dataset.figure);
  if (isSame) morph(part, next);
  else part.replaceChildren(...next.childNodes);
}

export function live(ready) {
  const watched = (document.body.dataset.watches ?? '').split(' ').filter(Boolean);
  const every = Number(document.body.dataset.poll || 0);
  const badge = document.querySelector('#live');
  if (!badge) return;
  const age = document.querySelector('#age');
  const button = document.querySelector('#pause');
  const started = performance.now();
  let read = started;
  let isPaused = false;
  let isReading = false;
  let waits = 0;
  let timer = 0;
  // What each part was when it was read last.
  const was = new WeakMap();

  const tick = () => {
    const seconds = Math.round((performance.now() - read) / 1000);
    if (seconds >= 5) age.textContent = age.dataset.words.replace('{n}', seconds < 60 ? `${seconds}\u00a0s` : `${Math.floor(seconds / 60)}\u00a0min`);
    badge.classList.toggle('stale', every > 0 && seconds > every * 3 && !isPaused);
  };
  const fresh = age.textContent;

  async function refresh() {
    if (isPaused || isReading || document.hidden) return;
    isReading = true;
    try {
      const answer = await fetch(location.href, { headers: { accept: 'text/html' }, redirect: 'error' });
      if (!answer.ok) return;
      const page = new DOMParser().parseFromString(await answer.text(), 'text/html');
      for (const part of document.querySelectorAll('[data-live][id]')) {
        const next = page.getElementById(part.id);
        // Not under somebody's hands.
        const held = part.contains(document.activeElement) && !document.activeElement.matches('svg[data-hover]');
        if (!next || held || part.querySelector('details[open]')) continue;
        const text = next.innerHTML;
        if (text === was.get(part)) continue;
        const isFirst = !was.has(part);
        was.set(part, text);
        redraw(part, next);
        if (!isFirst) part.classList.add('fresh');
        part.addEventListener('animationend', () => part.classList.remove('fresh'), { once: true });
        ready(part);
      }
      read = performance.now();
      age.textContent = fresh;
      badge.classList.remove('stale');
    } catch {
      badge.classList.add('stale');
    } finally {
      isReading = false;
    }
  }

  function later() {
    clearTimeout(timer);
    timer = setTimeout(refresh, pauseAfterChange);
  }

  function listen() {
    const socket = new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}/realtime/v1/websocket?vsn=1.0.0`);
    let reference = 1;
    const send = (topic, event, payload) => socket.send(JSON.stringify({ topic, event, payload, ref: String(reference++), join_ref: '1' }));
    let beat = 0;
    socket.onopen = () => {
      waits = 0;
      send('realtime:console', 'phx_join', { config: { broadcast: { ack: false, self: false }, presence: { key: '' }, postgres_changes: watched.map((table) => ({ event: '*', schema: 'public', table })) } });
      beat = setInterval(() => send('phoenix', 'heartbeat', {}), 25000);
    };
    socket.onmessage = (message) => {
      const { event, payload } = JSON.parse(message.data);
      if (event === 'postgres_changes') later();
      if (event === 'system' && payload?.status === 'ok') badge.dataset.state = 'listening';
    };
    socket.onclose = () => {
      clearInterval(beat);
      badge.dataset.state = 'closed';
      waits = Math.min(waits + 1, 6);
      setTimeout(listen, 1000 * 2 ** waits);
    };
  }

  button.addEventListener('click', () => {
    isPaused = !isPaused;
    button.setAttribute('aria-pressed', String(isPaused));
    button.textContent = isPaused ? button.dataset.off : button.dataset.on;
    badge.classList.toggle('paused', isPaused);
    if (!isPaused) refresh();
  });
  document.addEventListener('visibilitychange', () => { if (!document.hidden) refresh(); });
  setInterval(tick, 1000);
  if (every > 0) setInterval(refresh, every * 1000);
  if (watched.length > 0) listen();
}
