/** The program that is killed. It tells how far it is to the one that has started it. */
import { FileCheckpointStore } from 'orchestrator/flow';
import { priceList } from './flow.js';
import { createRuntime, runId } from './scenario.js';

const [url = '', directory = ''] = process.argv.slice(2);
const checkpoint = new FileCheckpointStore(directory);
await createRuntime(url, (line) => process.send?.(line)).run(priceList, {}, { runId, checkpoint });
