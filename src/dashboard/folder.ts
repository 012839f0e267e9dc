import { readdir, readFile } from 'node:fs/promises';

/** File contents by file name. */
export type Files = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

/** Reads the files of a folder, without subfolders. A missing folder yields no files. */
export async function filesIn(folder: URL): Promise<Files> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const names = entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  return new Map(
    await Promise.all(
      names.map(async (name) => [name, new Uint8Array(await readFile(new URL(name, folder)))] as const),
    ),
  );
}
