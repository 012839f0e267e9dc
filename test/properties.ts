import fc from 'fast-check';

/*
 * fast-check, with the same cases in each run: a change is judged by the cases that the code before it has passed.
 * `SEED=random` tries others, and what fails prints its seed.
 */

const { SEED = '1' } = process.env;

/** The seed of all random cases. */
export const seed = SEED === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(SEED);

fc.configureGlobal({ seed });

export { default } from 'fast-check';
