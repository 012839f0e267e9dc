// What others build on: what is saved of a run.
export { thisProgram } from './holds.js';
export { Journal } from './journal.js';
export { aSeq, aText, refusals } from './refusals.js';
export { checkChildrenOf } from './saved-children.js';
