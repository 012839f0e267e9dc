import { flows, kernel } from './claims.mjs';
import { fleets, loops, tools } from './drivers.mjs';
import { durables } from './durable.mjs';
import { handlerOf } from './handler.mjs';
import { sharedLimits } from './limits.mjs';

export default { fetch: handlerOf(kernel, flows, durables, loops, fleets, tools, sharedLimits) };
