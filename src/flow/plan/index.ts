// The exports for other folders: the compiled blueprint and the position of a run in it.
export type { SavedPosition } from './marks.js';
export { ArcsByEnds, fromOrder, type Order, orderOf, toOrder } from './order.js';
export { differences, type Outline, outlineOf } from './outline.js';
export { type Plan, planOf } from './plan.js';
export { Position } from './position.js';
export { versionBefore, versionOf } from './version.js';
export { eventOf } from './waits.js';
