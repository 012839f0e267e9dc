import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { track } from './track.js';

/** A network between a client and a server on this machine that can be broken. */
export interface Proxy {
  readonly port: number;
  /** How many connections go through it now, but for those that were forgotten. */
  readonly connections: number;
  /** Destroys all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Passes nothing on in either direction, though it accepts connections. */
  stall(): void;
  /**
   * Forgets the connections that there are, as a router does: from now on they stay open at both ends, and swallow what is
   * sent. New ones work.
   */
  forget(): void;
  /** Leads new connections to another port, as an address does after a failover. Those that there are stay. */
  lead(port: number): void;
  /** Destroys the next connection on which the server answers, in place of the answer. Resolves when that has happened. */
  loseAnswer(): Promise<void>;
  /** Accepts connections after a cut; after a stall passes on what was held back, and what comes. */
  heal(): Promise<void>;
  stop(): Promise<void>;
}

export async function startProxy(targetPort: number): Promise<Proxy> {
  const lines = new Set<Line>();
  const forgotten = new Set<Line>();
  const losses: (() => void)[] = [];
  let stalled = false;
  let target = targetPort;
  const accept = (client: Socket) => {
    const isLost = () => {
      const lost = losses.shift();
      lost?.();
      return lost !== undefined;
    };
    const line = openLine(client, connect({ port: target, host: '127.0.0.1', allowHalfOpen: true }), isLost);
    lines.add(line);
    line.closed.then(() => lines.delete(line));
    if (!stalled) line.pass();
  };
  let { server, port } = await listenSomewhere(accept);

  const cut = async () => {
    stalled = false;
    const closed = new Promise<void>((resolve) => server.close(() => resolve()));
    for (const line of [...lines, ...forgotten]) line.destroy();
    forgotten.clear();
    await closed;
  };
  return {
    port,
    get connections() {
      return lines.size;
    },
    cut,
    stall() {
      stalled = true;
      for (const line of lines) line.hold();
    },
    forget() {
      for (const line of lines) {
        line.swallow();
        forgotten.add(line);
        lines.delete(line);
      }
    },
    lead(port) {
      target = port;
    },
    loseAnswer: () => new Promise((resolve) => losses.push(resolve)),
    async heal() {
      if (stalled) for (const line of lines) line.pass();
      stalled = false;
      if (!server.listening) server = await eventually(() => listen(port, accept));
    },
    stop: track(cut),
  };
}

interface Line {
  /** Settles when both ends are closed: each direction ends by itself, as between the two without a proxy. */
  readonly closed: Promise<unknown>;
  pass(): void;
  hold(): void;
  /** Passes nothing on any more, for good, and takes all that comes. */
  swallow(): void;
  destroy(): void;
}

/** @param isLost - asked for each piece of an answer */
function openLine(client: Socket, target: Socket, isLost: () => boolean): Line {
  const ends = [client, target] as const;
  const answers = new Transform({
    transform(piece, _encoding, done) {
      if (isLost()) destroy();
      else done(null, piece);
    },
  });
  answers.pipe(client);
  const destroy = () => {
    for (const end of ends) end.destroy();
  };
  for (const end of ends) end.setNoDelay().on('error', destroy).pause();
  const closed = Promise.all(ends.map((end) => new Promise((resolve) => end.once('close', resolve))));
  let isForgotten = false;
  return {
    closed,
    destroy,
    pass() {
      if (isForgotten) return;
      client.pipe(target);
      target.pipe(answers);
    },
    swallow() {
      isForgotten = true;
      client.unpipe(target).resume();
      target.unpipe(answers).resume();
    },
    hold() {
      if (isForgotten) return;
      client.unpipe(target).pause();
      target.unpipe(answers).pause();
    },
  };
}

async function listenSomewhere(accept: (client: Socket) => void): Promise<{ server: Server; port: number }> {
  return await eventually(async () => {
    const port = await freePort();
    return { server: await listen(port, accept), port };
  });
}

function listen(port: number, accept: (client: Socket) => void): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, accept);
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
