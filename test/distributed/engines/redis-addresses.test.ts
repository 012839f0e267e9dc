import { createServer } from 'node:net';
import { inspect } from 'node:util';
import { Cluster, Redis } from 'ioredis';
import { DistributedWorker, OrchestratorBuilder, postgres, redis } from 'orchestrator/distributed';
import { Flow } from 'orchestrator/flow';
import { describe, expect, it } from 'vitest';
import { call } from '../../cli/call.js';
import { rejection } from '../../support.js';
import { eventually } from '../servers/eventually.js';
import { freePort } from '../servers/ports.js';
import { describeWithRedis, redisOfSuite, startRedis } from '../servers/redis.js';

const flow = new Flow('f').node('a', () => 1);
const everything = { depth: 20, showHidden: true };

describe('the address of a Redis server', () => {
  it.each([
    [
      'a database that is not a number',
      'redis://ada:hunter2@host/abc',
      /^server must name its database by a whole number/,
    ],
    ['a database below 0', 'redis://ada:hunter2@host/-1', /^server must name its database by a whole number/],
    ['a database in another notation', 'redis://ada:hunter2@host/0x3', /^server must name its database/],
    ['a database above all limits', 'redis://ada:hunter2@host/2147483648', /^server must name its database/],
    ['a path of two parts', 'redis://ada:hunter2@host/1/2', /^server must name its database/],
    ['a parameter that is not a number', 'redis://ada:hunter2@host?db=abc', /^server must name its database/],
    ['two databases', 'redis://ada:hunter2@host/1?db=2', /^server must name its database/],
    ['a prefix of keys', 'redis://ada:hunter2@host?keyPrefix=x', /^server must have no keyPrefix/],
    [
      'a database of a cluster',
      ['redis://a', 'redis://ada:hunter2@host/3'],
      /^server\[1\] must have no database number/,
    ],
    ['a wrong one among several', ['redis://a', 'redis://ada:hunter2@host/x'], /^server\[1\] must name its database/],
    [
      'another scheme',
      'valkey://ada:hunter2@host',
      /^server must be an address that begins with redis:\/\/ or rediss:/,
    ],
    ['the scheme of pages', 'http://ada:hunter2@host', /^server must be an address that begins with redis:/],
    ['a scheme with an addition', 'redis+tls://ada:hunter2@host', /^server must be an address that begins with redis:/],
    ['no slashes', 'redis:hunter2', /^server must be an address that begins with redis:/],
    ['a password that is not encoded', 'redis://ada:hunter2%@host', /percent-encode/],
    ['nothing', '', /^server must be a non-empty string/],
    ['nothing among several', ['redis://a', ''], /^server\[1\] must be a non-empty string/],
    ['none', [], /^server must be an address, or a non-empty array of addresses/],
  ])('is refused with %s, and the message does not show it', (_what, address, message) => {
    const error = thrown(() => redis(address));
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', message: expect.stringMatching(message) });
    expect(inspect(error, everything)).not.toMatch(/hunter2|ada/);
  });

  it.each([
    ['redis://host/', 'host:6379'],
    ['redis://host/0', 'host:6379'],
    ['redis://host:7000/15?family=6', 'host:7000'],
    ['REDISS://host?db=3', 'host:6379'],
  ])('may be %s', (address, place) => {
    expect(redis(address).name).toBe(`redis at ${place}`);
  });

  it('that asks for TLS in capitals is not used without TLS', async () => {
    const heard: Buffer[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', (data) => {
        heard.push(data);
        socket.destroy();
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    const engine = redis(`REDISS://ada:hunter2@127.0.0.1:${port}`, { connectTimeout: 20_000 });
    const opening = rejection(engine.open());
    await eventually(() => heard.length > 0);
    await engine.close();
    await opening;
    await new Promise((resolve) => server.close(resolve));
    // The first byte of a TLS handshake.
    expect(heard.map((data) => data[0])).toEqual(heard.map(() => 0x16));
  });
});

describe('a user-supplied connection of ioredis', () => {
  const lazy = { lazyConnect: true };

  it.each([
    [
      'a database that is not a number',
      () => new Redis({ ...lazy, db: 'abc' as never }),
      /^server\.options\.db must be a whole/,
    ],
    ['a database below 0', () => new Redis({ ...lazy, db: -1 }), /^server\.options\.db must be a whole/],
    ['another scheme', () => new Redis('valkey://ada:hunter2@host:1', lazy), /^server must be made from an address/],
    ['a prefix of keys', () => new Redis({ ...lazy, keyPrefix: 'x' }), /^server must have no keyPrefix/],
    ['a database of a cluster', () => clusterOn({ db: 3 }), /^server\.options\.redisOptions\.db must be 0/],
    ['a prefix of a cluster', () => clusterOn({ keyPrefix: 'x' }), /^server must have no keyPrefix/],
  ])('is refused with %s', (_what, make, message) => {
    const connection = make();
    const error = thrown(() => redis(connection));
    expect(error).toMatchObject({ code: 'ERR_VALIDATION', message: expect.stringMatching(message) });
    expect(inspect(error, everything)).not.toMatch(/hunter2|ada/);
    connection.disconnect();
  });

  it('is named by its socket', () => {
    expect(redis(new Redis('/run/redis.sock', lazy)).name).toBe('redis at /run/redis.sock');
  });

  function clusterOn(redisOptions: object): Cluster {
    return new Cluster([{ host: 'host', port: 1 }], { ...lazy, redisOptions });
  }
});

describe('the address of a Postgres server', () => {
  it.each(['mysql://ada:hunter2@host/app', 'http://ada:hunter2@host/app', 'redis://ada:hunter2@host'])(
    'is refused with another scheme: %s',
    (address) => {
      const error = thrown(() => postgres(address));
      const message = expect.stringMatching(/^server must be an address that begins with postgres:\/\//);
      expect(error).toMatchObject({ code: 'ERR_VALIDATION', message });
      expect(inspect(error, everything)).not.toMatch(/hunter2|ada/);
    },
  );

  it.each(['postgres://host/app', 'POSTGRESQL://host/app'])('may be %s', (address) => {
    expect(postgres(address).name).toBe('postgres at host:5432');
  });
});

describeWithRedis('a database of a Redis server', () => {
  const given = redisOfSuite();

  it('that exists holds the runs, and no other database does', async () => {
    await given.client.flushall();
    const { orchestrator, worker, close } = programAt(redis(`${given.server.url}/3`));
    await worker.start();
    expect(await orchestrator.waitForCompletion(await orchestrator.startRun())).toMatchObject({ status: 'completed' });
    await close();
    expect(await databasesOf(given.client)).toEqual(['db3']);
  }, 60_000);

  it.each([
    ['an address', () => redis(`${given.server.url}/99`)],
    ['a parameter of an address', () => redis(`${given.server.url}?db=99`)],
    ['a connection', () => redis(new Redis(given.server.url, { db: 99, lazyConnect: true }))],
  ])(
    'that does not exist is refused, and no run is written elsewhere: by %s',
    async (_how, make) => {
      await given.client.flushall();
      const { engine, orchestrator, worker, close } = programAt(make());
      for (const work of [() => engine.open(), () => orchestrator.startRun(), () => worker.start()]) {
        expect(await rejection(work())).toMatchObject({
          code: 'ERR_ENGINE',
          message: expect.stringMatching(/database 99 cannot be used: ERR DB index is out of range$/),
        });
      }
      await close();
      expect(await databasesOf(given.client)).toEqual([]);
    },
    60_000,
  );

  it('that may no longer be selected gets no writes until it may, and neither does another database', async () => {
    await given.client.flushall();
    await given.client.call('ACL', 'SETUSER', 'app', 'reset', 'on', '>secret', '~*', '&*', '+@all');
    const { engine, orchestrator, worker, close } = programAt(redis(`${as('app')}/3`, { operationTimeout: 60_000 }));
    await worker.start();
    await orchestrator.startRun();
    await given.client.call('ACL', 'SETUSER', 'app', '-select');
    await given.client.call('CLIENT', 'KILL', 'USER', 'app');
    expect(await rejection(orchestrator.startRun())).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringMatching(/database 3 cannot be used: NOPERM/),
    });
    // All connections have reconnected and were refused.
    const refused = async () =>
      Number(/cmdstat_select:.*rejected_calls=(\d+)/.exec(await given.client.info('commandstats'))?.[1]);
    const before = await refused();
    await eventually(async () => (await refused()) >= before + 20);
    await rejection(
      engine.queue.enqueue([{ id: 'j', kind: 'node', runId: 'r', seq: 1, priority: 0, delay: 0 } as never]),
    );
    expect(await databasesOf(given.client)).toEqual(['db3']);
    await given.client.call('ACL', 'SETUSER', 'app', '+select');
    expect(await orchestrator.waitForCompletion(await orchestrator.startRun())).toMatchObject({ status: 'completed' });
    await close();
    expect(await databasesOf(given.client)).toEqual(['db3']);
  }, 120_000);

  it('of a cluster with several databases is refused unless it is database 0', async () => {
    const cluster = await answering((command) => (command === 'INFO' ? bulk('redis_mode:cluster\r\n') : '+OK\r\n'));
    const engine = redis(`redis://127.0.0.1:${cluster.port}/3`);
    const error = await rejection(engine.open());
    expect(error).toMatchObject({ code: 'ERR_ENGINE', message: expect.stringMatching(/is a cluster.*database 0/) });
    await engine.close();
    await cluster.stop();
  });

  it('cannot be chosen among several servers that are not a cluster: the error asks for one address', async () => {
    const other = await startRedis();
    const engine = redis([
      given.server.url,
      other.url.replace(/default:[^@]*/, () => `default:${new URL(given.server.url).password}`),
    ]);
    const error = await rejection(engine.open());
    expect(error).toMatchObject({
      code: 'ERR_ENGINE',
      message: expect.stringMatching(/are not a cluster: give the address/),
    });
    await engine.close();
    await other.stop();
  }, 60_000);

  function as(user: string): string {
    const url = new URL(given.server.url);
    [url.username, url.password] = [user, 'secret'];
    return url.href;
  }
});

describeWithRedis('the connections of a program to Redis', () => {
  it('number three for an orchestrator, five with a worker, and one more for each further worker', async () => {
    const server = await startRedis();
    const admin = new Redis(server.url);
    const { engine, orchestrator, worker, close } = programAt(redis(server.url));
    const runId = await orchestrator.startRun();
    const done = orchestrator.waitForCompletion(runId);
    const count = async () =>
      String(await admin.client('LIST'))
        .trim()
        .split('\n').length - 1;
    await eventually(async () => expect(await count()).toBe(3));
    await worker.start();
    await done;
    await eventually(async () => expect(await count()).toBe(5));
    const further = new DistributedWorker({ engine, workflows: [flow] });
    await further.start();
    await eventually(async () => expect(await count()).toBe(6));
    await further.stop();
    await close();
    admin.disconnect();
    await server.stop();
  }, 120_000);
});

describeWithRedis('a Redis server that repeats what it was sent', () => {
  it('shows no password in errors or on a terminal', async () => {
    const server = await startRedis({ without: ['AUTH', 'HELLO'] });
    const url = server.url.replace('redis://', 'redis://bob:hunter2@');
    const engine = redis(url);
    const error = await rejection(engine.open());
    expect(error).toMatchObject({
      message: expect.stringMatching(/refused the call: ERR unknown command 'auth'$/),
    });
    for (const text of [inspect(error, everything), String((error as Error).stack)])
      expect(text).not.toMatch(/hunter2|bob/);
    await engine.close();
    const { code, stderr } = await call(['runs', 'list', '--engine', url, '--verbose']);
    expect(stderr).toContain("ERR unknown command 'auth'");
    expect(stderr).not.toMatch(/hunter2|bob/);
    expect(code).toBe(5);
    await server.stop();
  }, 60_000);

  it('shows no data of a run in errors', async () => {
    const server = await startRedis({ without: ['EVALSHA', 'EVAL'] });
    const engine = redis(server.url);
    const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
    const error = await rejection(orchestrator.startRun({ card: '4111' }, 1, { runId: 'secret-run' }));
    expect(error).toMatchObject({ message: expect.stringMatching(/ERR unknown command 'evalsha'$/i) });
    expect(inspect(error, { depth: 20 })).not.toMatch(/4111|secret-run/);
    await engine.close();
    await server.stop();
  }, 60_000);
});

it('an unusable address ends the command line with exit code 2, and is not printed', async () => {
  for (const address of ['redis://ada:hunter2@127.0.0.1:1/abc', 'redis://ada:hunter2#x@127.0.0.1:1']) {
    const { code, stderr } = await call(['runs', 'list', '--engine', address, '--verbose']);
    expect(stderr).toMatch(/^error: server (must|needs)/);
    expect(stderr).not.toMatch(/hunter2/);
    expect(code).toBe(2);
  }
});

function thrown(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

function programAt(engine: ReturnType<typeof redis>) {
  const orchestrator = new OrchestratorBuilder().workflow(flow).engine(engine).build();
  const worker = new DistributedWorker({ engine, workflows: [flow] });
  const close = async () => {
    await worker.stop();
    await orchestrator.close();
    await engine.close();
  };
  return { engine, orchestrator, worker, close };
}

async function databasesOf(admin: Redis): Promise<string[]> {
  return (await admin.info('keyspace')).match(/^db\d+/gm) ?? [];
}

function bulk(text: string): string {
  return `$${text.length}\r\n${text}\r\n`;
}

/** A server with prepared answers. */
async function answering(answer: (command: string) => string) {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      // A command is an array whose first text is its name.
      for (const [, name] of String(data).matchAll(/\*\d+\r\n\$\d+\r\n(\w+)\r\n/g)) {
        const command = String(name).toUpperCase();
        socket.write(command === 'HELLO' ? '-NOPROTO unsupported protocol version\r\n' : answer(command));
      }
    });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { port, stop: () => new Promise((resolve) => server.close(resolve)) };
}
