import { type Sign, signs } from '../../src/dashboard/graph/appearance.js';

const icons = {
  search: 'M7 2.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9M10.3 10.3L13.5 13.5',
  sun: 'M8 5a3 3 0 1 1 0 6a3 3 0 0 1 0-6M8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  moon: 'M13.2 9.6A5.6 5.6 0 0 1 6.4 2.8A5.6 5.6 0 1 0 13.2 9.6',
  screen: 'M2.5 3.5h11v7.5h-11zM6 13.5h4M8 11v2.5',
  lock: 'M4 7.5h8v6H4zM5.5 7.5V5.2a2.5 2.5 0 0 1 5 0v2.3',
  unlock: 'M4 7.5h8v6H4zM5.5 7.5V5a2.5 2.5 0 0 1 4.8-.9',
  more: 'M3.5 8h.01M8 8h.01M12.5 8h.01',
  copy: 'M5.5 5.5h8v8h-8zM10.5 5.5v-3h-8v8h3',
  left: 'M9.5 3.5L5 8l4.5 4.5',
  right: 'M6.5 3.5L11 8l-4.5 4.5',
  up: 'M8 13V3M3.8 7.2L8 3l4.2 4.2',
  plus: 'M8 3v10M3 8h10',
  minus: 'M3 8h10',
  fit: 'M2.5 6v-3.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10',
  start: 'M3 3v10M13 8H6M9 4.5L5.5 8L9 11.5',
  close: 'M4 4l8 8M12 4l-8 8',
  play: 'M5 3.2v9.6L12.5 8z',
  stop: 'M4 4h8v8H4z',
  send: 'M2.5 8L13.5 2.8L10.5 13.2L7.8 8.8zM7.8 8.8L13.5 2.8',
  keyboard: 'M1.5 4h13v8.5h-13zM4 6.8h.01M6.7 6.8h.01M9.3 6.8h.01M12 6.8h.01M5 9.8h6',
  inbox: 'M2.5 9.5L4.5 3h7l2 6.5v4h-11zM2.5 9.5H6l.8 1.5h2.4l.8-1.5h3.5',
} as const;

export type IconName = keyof typeof icons | Sign;

/** A decorative icon, beside text or on a button with an accessible name. Hidden from screen readers. */
export function Icon({ name, size = 16 }: { readonly name: IconName; readonly size?: number }) {
  const path = name in icons ? icons[name as keyof typeof icons] : signs[name as Sign];
  return (
    <svg
      class={`icon icon-${name}`}
      width={size}
      height={size}
      viewBox="0 0 16 16"
      aria-hidden="true"
      focusable="false"
    >
      <path d={path} />
    </svg>
  );
}
