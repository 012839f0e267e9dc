import { durationOf } from './table.mjs';

/**
 * A figure in the table `group`. Ratios refer to it by its key.
 *
 * @typedef {object} Figure
 * @property {string} key
 * @property {string} group
 * @property {string} name
 * @property {number} value
 * @property {'rate' | 'latency' | 'duration' | 'ratio' | 'count' | 'bytes' | 'megabytes'} unit
 * @property {import('../targets.mjs').Target} [target]
 */

const texts = {
  rate: (value) => `${Math.round(value).toLocaleString('en')}/s`,
  latency: (value) => `${value.toFixed(2)} ms`,
  duration: durationOf,
  ratio: (value) => value.toFixed(2),
  count: (value) => value.toFixed(2),
  bytes: (value) => `${Math.round(value).toLocaleString('en')} bytes`,
  megabytes: (value) => `${value.toFixed(2)} MB`,
};

export const rate = figureOf('rate');
/** A figure in milliseconds. */
export const latency = figureOf('latency');
/** A figure in nanoseconds. */
export const duration = figureOf('duration');
export const ratio = figureOf('ratio');
export const count = figureOf('count');
export const bytes = figureOf('bytes');
/** A figure in megabytes of 1,000,000 bytes. */
export const megabytes = figureOf('megabytes');

export function textOf({ value, unit }) {
  return texts[unit](value);
}

/** @returns {(key: string, group: string, name: string, value: number, target?: object) => Figure} */
function figureOf(unit) {
  return (key, group, name, value, target) => ({ key, group, name, value, unit, target });
}
