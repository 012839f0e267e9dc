export type { ProgressOptions } from './options.js';
export { type Progress, showProgress } from './show-progress.js';
