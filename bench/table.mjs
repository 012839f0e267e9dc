/** A Markdown table, padded to be readable in a terminal. The first column is text, the others are figures. */
export function tableOf(header, lines) {
  const widths = header.map((_, column) => Math.max(...[header, ...lines].map((line) => line[column].length)));
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const pad = (cell, column) => (column === 0 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]));
  return `${[header, rule, ...lines].map((line) => `| ${line.map(pad).join(' | ')} |`).join('\n')}\n`;
}

/** A duration with its unit: `1.23 µs` for 1230 ns. */
export function durationOf(nanoseconds) {
  if (nanoseconds < 1e3) return `${nanoseconds.toFixed(0)} ns`;
  return nanoseconds < 1e6 ? `${(nanoseconds / 1e3).toFixed(2)} µs` : `${(nanoseconds / 1e6).toFixed(2)} ms`;
}
