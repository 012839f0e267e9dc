import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What listings use without defining it. A listing that defines a name itself hides the one here. */
const surroundings = `
import type * as kernel from 'orchestrator';
import type * as durable from 'orchestrator/durable';
import type * as flows from 'orchestrator/flow';
import type * as vitest from 'vitest';
declare global {
  interface Order { readonly id: string; readonly amount: number }
  interface Expense { readonly amount: number }
  class HttpError extends Error { status: number }
  const orchestrator: kernel.Orchestrator;
  const journal: durable.Journal;
  const order: durable.DurableFunction<Order, string>;
  const input: Order;
  const ids: string[];
  const { Orchestrator, TimeoutError }: typeof kernel;
  const {
    again, DurableFunction, fileJournal, idempotencyKey, LockedError, patched, sleep, sqlJournal, step, waitFor,
  }: typeof durable;
  function listItems(): Promise<string[]>;
  const { Flow, withAction }: typeof flows;
  function openTunnel(): { close(): void };
  function closeTunnel(tunnel: { close(): void }): void;
  function loadRows(): Promise<string[]>;
  function sendReport(rows: string[]): Promise<void>;
  function page(messages: string[]): Promise<void>;
  function askJob(): Promise<{ done: boolean }>;
  function useResult(job: { done: boolean }): void;
  function loadOrder(): Order;
  function tellTheBoss(order: Order): void;
  const { it, expect }: typeof vitest;
  const { randomUUID }: typeof import('node:crypto');
  const { readFile }: typeof import('node:fs/promises');
  const { Hono }: typeof import('hono');
  const { serve }: typeof import('@hono/node-server');
  const pg: typeof import('pg').default;
  const stripe: { charges: { create(charge: object, options: { idempotencyKey: string }): Promise<string> } };
  const fakes: { reset(): void };
  function fetchIds(): Promise<string[]>;
  function importItem(id: string): Promise<number>;
  function importScript(given: typeof fakes): Promise<number>;
  function dialAndSend(text: string): Promise<void>;
  function sendParcel(order: Order): Promise<string>;
  function checkFraud(order: Order): Promise<void>;
  function sendMail(text: string): Promise<void>;
  function pay(amount: number): Promise<string>;
  function charge(order: Order): Promise<string>;
  function ship(order: Order, payment?: string): Promise<string>;
  function fetchPage(cursor: string): Promise<{ items: string[]; next: string }>;
  function handle(item: string): Promise<void>;
  interface Connection { read(table: string): Promise<string[]>; close(): Promise<void> }
  function connect(): Promise<Connection>;
  function store(rows: string[]): Promise<number>;
  function loadCache(): Promise<string[]>;
}
`;

/** Modules of the reader's own that listings import. */
const modules: Readonly<Record<string, string>> = {
  'my-store.ts': `import type { JournalStore } from 'orchestrator/durable';
    export declare class MyStore implements JournalStore {
      constructor(directory: string);
      open: JournalStore['open']; signal: JournalStore['signal']; read: JournalStore['read'];
      list: JournalStore['list']; delete: JournalStore['delete']; close: JournalStore['close'];
    }`,
  'order.ts':
    "import type { DurableFunction } from 'orchestrator/durable';\nexport declare const order: DurableFunction<Order, string>;",
};

/** Returns the listings in TypeScript of a document, each with the number of its first line. */
function listingsOf(document: string): readonly { readonly line: number; readonly text: string }[] {
  const text = readFileSync(`${root}${document}`, 'utf8');
  return [...text.matchAll(/^```ts\n(.*?)^```$/gms)].map(({ 1: code = '', index }) => ({
    line: text.slice(0, index).split('\n').length + 1,
    text: code,
  }));
}

/** Returns the errors that TypeScript reports for the files, each with its file, its line and the message. */
function errorsOf(files: ReadonlyMap<string, string>): string[] {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile);
  // Listings leave out what the reader does with their names.
  const compilerOptions = { ...config.compilerOptions, noUnusedLocals: false, noUnusedParameters: false };
  const { options } = ts.parseJsonConfigFileContent({ compilerOptions, include: [], files: [] }, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists(name);
  host.readFile = (name) => files.get(name) ?? readFile(name);
  host.getSourceFile = (name, version) => {
    const text = files.get(name);
    return text === undefined ? getSourceFile(name, version) : ts.createSourceFile(name, text, version, true);
  };
  const program = ts.createProgram([...files.keys()], options, host);
  return [...files.keys()].flatMap((name) => {
    const file = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(
      ({ start = 0, messageText }) => {
        const { line = 0 } = file?.getLineAndCharacterOfPosition(start) ?? {};
        return `${name.slice(root.length)}:${line + 1}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
      },
    );
  });
}

function filesFor(listings: readonly { readonly name: string; readonly text: string }[]): ReadonlyMap<string, string> {
  const folder = `${root}test/docs`;
  return new Map([
    [`${folder}/surroundings.ts`, surroundings],
    ...Object.entries(modules).map(([name, text]) => [`${folder}/${name}`, text] as const),
    ...listings.map(({ name, text }) => [`${folder}/${name}.ts`, `${text}\nexport {};`] as const),
  ]);
}

it('the listings of durable runs compile, in README.md and docs/durable.md', () => {
  const ofReadme = listingsOf('README.md').filter(({ text }) => text.includes('orchestrator/durable'));
  const ofGuide = listingsOf('docs/durable.md');
  expect([ofReadme.length, ofGuide.length > 10]).toEqual([1, true]);
  const named = [
    ...ofReadme.map(({ line, text }) => ({ name: `README.md-${line}`, text })),
    ...ofGuide.map(({ line, text }) => ({ name: `durable.md-${line}`, text })),
  ];
  expect(errorsOf(filesFor(named))).toEqual([]);
}, 120_000);

it('the listings of flows compile, in docs/recipes.md', () => {
  const listings = listingsOf('docs/recipes.md').filter(({ text }) => text.includes('orchestrator/flow'));
  expect(listings).toHaveLength(2);
  const named = listings.map(({ line, text }) => ({ name: `recipes.md-${line}`, text }));
  expect(errorsOf(filesFor(named))).toEqual([]);
}, 120_000);

it('the listings of whole flows compile, in docs/flow.md', () => {
  const listings = listingsOf('docs/flow.md').filter(({ text }) => /= new Flow\b/.test(text));
  expect(listings.length).toBeGreaterThan(4);
  const named = listings.map(({ line, text }) => ({ name: `flow.md-${line}`, text }));
  expect(errorsOf(filesFor(named))).toEqual([]);
}, 120_000);

it('a listing that does not compile is reported with its line', () => {
  const errors = errorsOf(filesFor([{ name: 'line-1', text: "await sleep('1 s');" }]));
  expect(errors).toEqual([expect.stringMatching(/line-1\.ts:1: Argument of type 'string' is not assignable/)]);
}, 120_000);
