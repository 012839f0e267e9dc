import { rate } from '../figures.mjs';
import { contenders } from './contenders.mjs';
import { send, words } from './section.mjs';

// Measures one contender: `speed.mjs plain loop`.

const [kind, name] = words;
const { label, measure } = contenders[kind][name];
const groups = { plain: 'Iterations a second, plain functions', async: 'Iterations a second, one node is async' };
send([rate(`${kind}.${name}`, groups[kind], label, await measure())]);
