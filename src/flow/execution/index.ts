// The exports for other layers that execute single nodes.

export { checkedInTime } from './door.js';
export { segmentOf } from './keys.js';
export { type CallSettings, setSettings } from './node-call.js';
export { concludedBy } from './output.js';
export { checkedPayload, schemaOfEvent, schemasForEvent, schemasOf } from './schemas.js';
export { FlowServices } from './services.js';
export { type Advance, settle, standInForAll } from './settle.js';
export { step } from './step.js';
export type { Toolbox } from './toolbox.js';
