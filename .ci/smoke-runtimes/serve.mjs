// Serves the handler with the web server of Bun, Deno or Node, and prints its port.

import { createServer } from 'node:http';
import { createRequestListener } from '@remix-run/node-fetch-server';
import { flows, kernel } from './claims.mjs';
import { fleets, loops, tools } from './drivers.mjs';
import { durables } from './durable.mjs';
import { handlerOf } from './handler.mjs';
import { redisLimitsOn, sharedLimits } from './limits.mjs';

const onRedis = redisLimitsOn(process.env.REDIS_URL);
const fetch = handlerOf(kernel, flows, durables, loops, fleets, tools, sharedLimits, onRedis);
const hostname = '127.0.0.1';
if (globalThis.Bun) console.log(Bun.serve({ hostname, port: 0, fetch }).port);
else if (globalThis.Deno) Deno.serve({ hostname, port: 0, onListen: ({ port }) => console.log(port) }, fetch);
else {
  const server = createServer(createRequestListener(fetch));
  server.listen(0, hostname, () => console.log(server.address().port));
}
