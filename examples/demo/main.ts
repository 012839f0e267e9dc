import { styleText } from 'node:util';
import { drawTasks, sumUp } from './report.js';
import { makeBulletin, type Summary } from './scenario.js';
import { startWeatherServer, type WeatherServer } from './server.js';

const print = (line = '') => console.log(line);
const printHeading = (text: string) => print(`\n${styleText('bold', text)}\n`);
const printField = (field: string, text: string) => print(`  ${field.padEnd(22)} ${text}`);

const server = await startWeatherServer();
try {
  printHeading(`What happened, at ${server.url}`);
  const summary = await makeBulletin(server.url, print);
  await server.quiet();
  printSummary(summary, server);
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
}

function printSummary({ bulletin, state, tasks }: Summary, { exchanges }: WeatherServer): void {
  printHeading('When each task ran, in milliseconds');
  for (const line of drawTasks(tasks)) print(line);

  printHeading('The bulletin');
  for (const [field, text] of Object.entries(bulletin)) printField(field, text);

  printHeading('In short');
  const counters = Object.entries(state).map(([key, value]) => `${key} ${value}`);
  const cutOff = exchanges.filter((exchange) => exchange.cutOff).map(({ request }) => request);
  printField('tasks', sumUp(tasks));
  printField('state after the run', counters.join(', '));
  printField('seen by the server', `${exchanges.length} requests; the client cut off ${cutOff.join(' and ')}`);
  print();
}
