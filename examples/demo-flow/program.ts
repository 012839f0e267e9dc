/** The program that is killed. It reports its progress to the process that started it. */
import { FileCheckpointStore } from 'orchestrator/flow';
import { priceList } from './flow.js';
import { createRuntime, runId } from './scenario.js';

const [url = '', directory = ''] = process.argv.slice(2);
const checkpoint = new FileCheckpointStore(directory);
await createRuntime(url, (line) => process.send?.(line)).run(priceList, {}, { runId, checkpoint });
