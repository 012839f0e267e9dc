import { readAsset } from '../assets.js';

const texts = new Map<string, string>();

/** The text of a statement, for a schema. Names of schemas are checked where options are read. */
export function statement(name: string, schema: string): string {
  const key = `${schema}/${name}`;
  let text = texts.get(key);
  if (text === undefined) {
    text = forSchema(readAsset(`sql/statements/${name}.sql`), schema);
    texts.set(key, text);
  }
  return text;
}

export function forSchema(text: string, schema: string): string {
  return text.replaceAll('{schema}', `"${schema}"`).replaceAll('{channel}', channelOf(schema));
}

/** Where changes of status are told of. */
export function channelOf(schema: string): string {
  return `${schema}_status`;
}

/** A text as SQL. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** A name as SQL. */
export function identifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
