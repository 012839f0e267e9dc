import { flows, kernel } from './claims.mjs';
import { handlerOf } from './handler.mjs';

export default { fetch: handlerOf(kernel, flows) };
