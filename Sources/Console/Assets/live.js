// Live pages: Realtime says that a table of the bank has changed, then the page's own parts are read again. Its address and
// its cookie say what may be seen; the message itself is only a bell. Pages without a table to watch read at intervals.
const pauseAfterChange = 400;

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
        if (!next || part.contains(document.activeElement) || part.querySelector('details[open]')) continue;
        if (next.innerHTML === part.dataset.was) continue;
        const isFirst = part.dataset.was === undefined;
        part.dataset.was = next.innerHTML;
        part.replaceChildren(...next.childNodes);
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
