// A web handler, as runtimes call it: it checks claims, and serves visits that are runs of one orchestrator. All it has is
// defined where the module is evaluated, as programs do: runtimes allow less there than in a request.

import { Orchestrator } from 'orchestrator';
import { hanging, sleep } from './claims.mjs';

const ended = [];
const orchestrator = new Orchestrator({ name: 'visit', state: { user: 'nobody', steps: 0 }, timeout: 5_000 });
orchestrator.onProcessCompletion(({ status, context }) => ended.push(`${context.user} ${status}`), { observe: true });

const step = orchestrator.action(async function step(name) {
  orchestrator.getState().steps++;
  await sleep(20);
  return `${orchestrator.getState().user} ${name}`;
});
const hang = orchestrator.action(() => hanging(orchestrator.signal), { name: 'hang', timeout: 60_000 });

const paths = {
  /** The state of concurrent requests is separate. */
  async '/visit'() {
    const names = [await step('a'), ...(await orchestrator.map(['b', 'c'], step))];
    return `${names.join(', ')}: ${orchestrator.getState().steps}`;
  },

  /** Ends only if the client leaves. */
  '/hang': () => hang(),

  '/ended': () => ended.join('\n'),
};

/** Makes a handler that also answers `/claims` with the failures of the given claims, one a line. */
export function handlerOf(...claims) {
  const handlers = { ...paths, '/claims': () => failuresOf(Object.assign({}, ...claims)) };
  return async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const state = { user: searchParams.get('user') ?? 'nobody' };
    try {
      return new Response(await orchestrator.run(handlers[pathname], { state, signal: request.signal }));
    } catch (error) {
      return new Response(request.signal.aborted ? null : error.stack, { status: 500 });
    }
  };
}

async function failuresOf(claims) {
  const failures = [];
  for (const [name, claim] of Object.entries(claims)) {
    try {
      await claim();
    } catch (error) {
      failures.push(`${name}: ${error.stack}`);
    }
  }
  return failures.join('\n');
}
