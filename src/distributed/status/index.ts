export { isFinished, runStatuses } from '../run-info.js';
