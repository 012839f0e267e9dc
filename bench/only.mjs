import { parseArgs } from 'node:util';

const options = { only: { type: 'string', default: '' }, quick: { type: 'boolean' }, full: { type: 'boolean' } };

/** What `--only` names, separated by commas; nothing where all is to be measured. */
export function askedFor() {
  const { values } = parseArgs({ options });
  return values.only.split(',').filter((name) => name !== '');
}
