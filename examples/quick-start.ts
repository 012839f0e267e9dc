// The smallest program: two functions become actions, and a run calls them. An action is called like its function and
// always returns a promise, even if the function is synchronous.
import assert from 'node:assert/strict';
import { Orchestrator } from 'orchestrator';

const orchestrator = new Orchestrator();

const findBook = orchestrator.action(async (title: string) => ({ title, pages: title.length * 20 }));
const daysToRead = orchestrator.action((pages: number) => Math.ceil(pages / 50));

const days = await orchestrator.run(async () => {
  const book = await findBook('Middlemarch');
  console.log(`"${book.title}" has ${book.pages} pages.`);
  return daysToRead(book.pages);
});

console.log(`That takes ${days} days.`);
assert.equal(days, 5);
