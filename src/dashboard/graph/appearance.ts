import type { NodeStatus } from '../api/index.js';

/**
 * Colours of statuses. Each status has the same hue and symbol everywhere. A hue is never the only difference, because
 * the symbol and the word stand beside it.
 */
export type Tone =
  | 'grey'
  | 'slate'
  | 'blue'
  | 'violet'
  | 'amber'
  | 'orange'
  | 'green'
  | 'teal'
  | 'red'
  | 'pink'
  | 'plum';

/** Colours of one hue. The contrast of `ink` on `tint` and on the page is at least 4.5 to 1. */
export interface Shade {
  readonly ink: string;
  readonly tint: string;
  readonly solid: string;
}

export const tones: Readonly<Record<Tone, { readonly light: Shade; readonly dark: Shade }>> = {
  grey: shades('#63656f', '#f1f1f4', '#a3a5b0', '#a4a6b3', '#24252c', '#62646f'),
  slate: shades('#45597a', '#eaeff7', '#8298bd', '#a3b7d9', '#1f2938', '#5d7397'),
  blue: shades('#1559c0', '#e6f0fe', '#2f7cf0', '#82b4ff', '#14294a', '#3f86f2'),
  violet: shades('#6a3fc4', '#f1ebfd', '#8b63e4', '#bda4fa', '#2b2147', '#8f6be8'),
  amber: shades('#7a5900', '#fbf2d3', '#d3a013', '#e3bd55', '#332a11', '#b88a17'),
  orange: shades('#a1430a', '#fdeee2', '#ea7526', '#f7a669', '#3a2413', '#dd6f28'),
  green: shades('#13713c', '#e4f5ea', '#29a35a', '#6fd096', '#14301f', '#2fa35d'),
  teal: shades('#0b6b6b', '#def4f3', '#1b9c9b', '#5fcbc9', '#102f30', '#1f9998'),
  red: shades('#b8232c', '#fdeaea', '#dd3b45', '#ff9096', '#40191d', '#df4a52'),
  pink: shades('#a5226f', '#fce8f3', '#d14594', '#f592c8', '#3c1a2f', '#cf4b95'),
  plum: shades('#73525f', '#f5ecf0', '#a58391', '#c9a9b6', '#30232a', '#8b6977'),
};

export const toneOf: Readonly<Record<NodeStatus, Tone>> = {
  pending: 'grey',
  unreached: 'grey',
  queued: 'slate',
  running: 'blue',
  retrying: 'orange',
  awaiting: 'violet',
  completed: 'green',
  skipped: 'grey',
  failed: 'red',
  recovered: 'teal',
  cut: 'plum',
};

/** The word that users see for a status. */
export function wordOf(status: string): string {
  return status === 'unreached' ? 'not reached' : status;
}

/** Names of the symbols, each drawn as strokes in a 16 × 16 square. */
export type Sign =
  | 'ring'
  | 'dash'
  | 'dots'
  | 'arc'
  | 'again'
  | 'hourglass'
  | 'check'
  | 'skip'
  | 'cross'
  | 'detour'
  | 'slash'
  | 'clock'
  | 'pause'
  | 'alert'
  | 'square';

export const signs: Readonly<Record<Sign, string>> = {
  dash: 'M3.5 8h9',
  ring: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11',
  dots: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  arc: 'M8 2.5A5.5 5.5 0 1 1 2.5 8',
  again: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M11.9 1.5v2.8H9.1',
  hourglass: 'M4.5 2.5h7M4.5 13.5h7M5.5 2.5v2.2L8 8l-2.5 3.3v2.2M10.5 2.5v2.2L8 8l2.5 3.3v2.2',
  check: 'M3 8.5l3.3 3.3L13 4.8',
  skip: 'M3 8h7M7.5 4.5L11 8l-3.5 3.5M13 4v8',
  cross: 'M4 4l8 8M12 4l-8 8',
  detour: 'M2.5 11.5c3 0 3-7 6-7h4M9.8 1.8l2.7 2.7l-2.7 2.7',
  slash: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M4.2 4.2l7.6 7.6',
  clock: 'M8 2.5a5.5 5.5 0 1 1 0 11a5.5 5.5 0 0 1 0-11M8 5v3.2l2.2 1.3',
  pause: 'M5.5 3.5v9M10.5 3.5v9',
  alert: 'M8 2.2L14.3 13.3H1.7zM8 6.5v3M8 11.4v.01',
  square: 'M4 4h8v8H4z',
};

export const signOf: Readonly<Record<NodeStatus, Sign>> = {
  pending: 'ring',
  unreached: 'dash',
  queued: 'dots',
  running: 'arc',
  retrying: 'again',
  awaiting: 'hourglass',
  completed: 'check',
  skipped: 'skip',
  failed: 'cross',
  recovered: 'detour',
  cut: 'slash',
};

function shades(...[ink, tint, solid, darkInk, darkTint, darkSolid]: [string, string, string, string, string, string]) {
  return { light: { ink, tint, solid }, dark: { ink: darkInk, tint: darkTint, solid: darkSolid } };
}
