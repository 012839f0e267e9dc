// What others build on: a blueprint compiled.
export type { SavedPosition } from './marks.js';
export { ArcsByEnds, fromOrder, type Order, orderOf, toOrder } from './order.js';
export { differences, type Outline, outlineOf } from './outline.js';
export { type Plan, planOf } from './plan.js';
export { Position } from './position.js';
export { versionBefore, versionOf } from './version.js';
