import { flows, kernel } from './claims.mjs';
import { handlerOf } from './handler.mjs';
import { sharedLimits } from './limits.mjs';

export default { fetch: handlerOf(kernel, flows, sharedLimits) };
