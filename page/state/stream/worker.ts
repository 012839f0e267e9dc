import { Hub } from './hub.js';
import { beat, type News, type Wish } from './news.js';

/** The program of a shared worker: a hub for all tabs of a browser that show this dashboard. */
const hub = new Hub(new URL('.', location.href).href);

/** Beats that a tab may miss. A tab that crashed takes no leave; after a pause of the machine nobody has missed any. */
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
