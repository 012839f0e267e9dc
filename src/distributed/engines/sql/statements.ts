import { readAsset } from '../assets.js';

const texts = new Map<string, string>();

/**
 * Returns the text of a statement for a schema. `schema` is an option that was already checked, so it needs no quoting.
 */
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

/** Returns the channel for changes of status. */
export function channelOf(schema: string): string {
  return `${schema}_status`;
}

/** Quotes a text as an SQL literal. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
