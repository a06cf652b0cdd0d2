// Server-sent events read by fetch, since an EventSource cannot say who it is (Authorization). Begins again after an end,
// after as long as the stream said, and at once where wake() is called; reads nothing while the tab is hidden.
let retryMs = 2000, wakeUp = () => {}, reading = null;

export function wake() {
  wakeUp();
}

const pause = (ms) => new Promise((resolve) => {
  wakeUp = resolve;
  if (ms < Infinity) setTimeout(resolve, ms);
});

// One event's lines; comments are passed over.
function parse(block) {
  const event = { name: 'message', data: '' };
  for (const line of block.split('\n')) {
    const [, field, value] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === 'event') event.name = value;
    if (field === 'data') event.data += value;
    if (field === 'retry') retryMs = Number(value);
  }
  return event;
}

async function read(response, take) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ;) {
    const { done, value } = await reader.read();
    if (done) return;
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    for (const event of blocks.map(parse)) if (event.data) take(event.name, JSON.parse(event.data));
  }
}

// ask: fetch with whatever the gateway wants to know; take: (name, data); tell: what is amiss, for people.
export async function readEvents(ask, take, tell) {
  document.addEventListener('visibilitychange', () => (document.hidden ? reading?.abort() : wake()));
  for (;;) {
    if (document.hidden) await pause(Infinity);
    reading = new AbortController();
    try {
      const response = await ask('/events', { headers: { Accept: 'text/event-stream' }, signal: reading.signal });
      if (!response.ok) throw new Error((await response.json().catch(() => ({}))).detail ?? `HTTP ${response.status}`);
      await read(response, take);
      tell('not up to date: the gateway ended the stream');
    } catch (error) {
      if (error.name !== 'AbortError') tell(`not up to date: ${error.message}`);
    }
    if (!document.hidden) await pause(retryMs);
  }
}
