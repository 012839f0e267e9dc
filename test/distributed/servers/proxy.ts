import { connect, createServer, type Server, type Socket } from 'node:net';
import { Transform } from 'node:stream';
import { eventually } from './eventually.js';
import { freePort } from './ports.js';
import { track } from './track.js';

/** A breakable network between a client and a server on this machine. */
export interface Proxy {
  readonly port: number;
  /** Number of connections through the proxy now, without those that were forgotten. */
  readonly connections: number;
  /** Destroys all connections and refuses new ones. */
  cut(): Promise<void>;
  /** Accepts connections, but passes nothing on in either direction. */
  stall(): void;
  /**
   * Forgets the current connections, as a router does: they stay open at both ends, and swallow what is sent. New
   * connections work.
   */
  forget(): void;
  /** Directs new connections to another port, like an address after a failover. Current connections stay. */
  lead(port: number): void;
  /**
   * Destroys the next connection on which the server answers, instead of passing the answer on. Resolves after that.
   */
  loseAnswer(): Promise<void>;
  /** Accepts connections again after a cut. After a stall, passes on what was held back, and whatever follows. */
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
  /** Settles when both ends are closed. Each direction ends by itself, as without a proxy. */
  readonly closed: Promise<unknown>;
  pass(): void;
  hold(): void;
  /** Passes nothing on from now on, and accepts everything that is sent. */
  swallow(): void;
  destroy(): void;
}

/** @param isLost - called for each piece of an answer; returns true if the connection is to be destroyed instead */
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
