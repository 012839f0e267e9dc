import { EngineError, redis } from 'orchestrator/distributed';
import { expect, it } from 'vitest';
import { describeWith } from '../../needs/describe-with.js';
import { rejection } from '../../support.js';
import { startProxy } from '../servers/proxy.js';
import { startRedis } from '../servers/redis.js';
import { begins, type EngineServer, withSite } from './site.js';

describeWith(
  'redis-tls',
  'workers that reach Redis with TLS',
  () => {
    it('do their work, are replaced when they die, and continue after a cut and a restart', async () => {
      const server = await startRedis({ durable: true, tls: true });
      const { tls } = server;
      if (tls === undefined) throw new Error('the server has no TLS');
      const on: EngineServer = {
        kind: 'redis',
        server,
        // Workers use a port of their own. The orchestrator, whose program does not trust the certificate, connects
        // without TLS.
        addressAt: (port) => (port === server.port ? server.url : tls.url.replace(`:${tls.port}`, `:${port}`)),
      };
      await withSite(on, async (site) => {
        const env = { NODE_EXTRA_CA_CERTS: tls.ca };
        const proxy = await startProxy(tls.port);
        const victim = await site.startWorker({ env, port: tls.port, behaviour: { hold: ['b'] } });
        const runIds = [await site.start('line')];
        await victim.waitFor(begins('b'));
        await victim.kill();
        const worker = await site.startWorker({ env, port: proxy.port });
        runIds.push(...(await site.startMany('wide', 10, { ms: 100 })));
        await worker.waitFor(begins('one'));
        await proxy.cut();
        await proxy.heal();
        await server.restart('crash');
        await site.expectSound(runIds);
        expect(worker.output).not.toContain(new URL(tls.url).password);
        await proxy.stop();
      });
      await server.stop();
    });

    it('report if they do not trust its certificate', async () => {
      const server = await startRedis({ tls: true });
      const engine = redis(server.tls?.url ?? '', { connectTimeout: 2_000 });
      const error = await rejection(engine.open());
      expect(error).toBeInstanceOf(EngineError);
      expect(String(error)).toMatch(/certificate/);
      expect(String(error)).not.toContain(new URL(server.url).password);
      await engine.close();
      await server.stop();
    });
  },
  { timeout: 60_000 },
);
