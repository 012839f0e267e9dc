import { flows, kernel } from './claims.mjs';
import { fleets, loops, tools } from './drivers.mjs';
import { handlerOf } from './handler.mjs';

export default { fetch: handlerOf(kernel, flows, loops, fleets, tools) };
