import { parseArgs } from 'node:util';

const options = { only: { type: 'string', default: '' }, quick: { type: 'boolean' }, full: { type: 'boolean' } };

/** Names given by `--only`, separated by commas. Empty if everything is measured. */
export function askedFor() {
  const { values } = parseArgs({ options });
  return values.only.split(',').filter((name) => name !== '');
}
