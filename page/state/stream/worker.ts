import { Hub } from './hub.js';
import { beat, type News, type Wish } from './news.js';

/** The hub of a shared worker, for all tabs of a browser that show this dashboard. */
const hub = new Hub(new URL('.', location.href).href);

/**
 * Number of beats that a tab may miss. A crashed tab sends no `leave`. The worker counts beats instead of time, because
 * the machine may have been asleep.
 */
const mostMissed = 3;

addEventListener('connect', (event) => {
  const [port] = (event as MessageEvent).ports;
  if (port !== undefined) serve(port);
});

function serve(port: MessagePort): void {
  const ask = hub.join((news: News) => port.postMessage(news));
  let missed = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  const leave = () => {
    clearInterval(timer);
    timer = undefined;
    ask({ kind: 'leave' });
  };
  port.onmessage = ({ data }: MessageEvent<Wish>) => {
    missed = 0;
    if (data.kind === 'leave') return leave();
    timer ??= setInterval(() => {
      if (++missed > mostMissed) leave();
    }, beat);
    ask(data);
  };
}
