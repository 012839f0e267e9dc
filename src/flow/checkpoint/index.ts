// The exports for other folders: journals and checkpoints of runs.
export { Journal } from './journal.js';
export { aSeq, aText, refusals } from './refusals.js';
export { checkChildrenOf } from './saved-children.js';
