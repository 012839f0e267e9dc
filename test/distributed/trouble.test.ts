import { describe, expect, it } from 'vitest';
import { turns } from '../../src/distributed/testing/lateness.js';
import { LostCall, Program } from '../../src/distributed/testing/program.js';
import { type Plan, planFrom, planOf, type Trouble, troubles } from '../../src/distributed/testing/trouble-plan.js';
import { rejection, settled } from '../support.js';

/** A target that records its calls in order. A claim is held until it is released. */
class Target {
  readonly name = 'target';
  readonly heard: string[] = [];
  readonly holders = new Set<string>();

  async write(text: string): Promise<string> {
    this.heard.push(text);
    return `${text} written`;
  }

  async claim(who: string) {
    if (this.holders.size > 0) throw new Error(`held by ${[...this.holders]}`);
    this.holders.add(who);
    return { who, release: async () => void this.holders.delete(who) };
  }

  untouched(): number {
    return this.heard.length;
  }
}

function programOf(plan: Plan) {
  const target = new Target();
  const done: string[] = [];
  const options = { methods: ['write', 'claim'], held: { claim: { letGo: ['release'] } }, plan };
  const program = new Program(target, { ...options, onDone: (_method, args) => done.push(String(args[0])) });
  return { target, program, face: program.face, done };
}

/** Returns the state of a promise when nothing happens any more. */
async function standing(promise: Promise<unknown>): Promise<string> {
  const settling = promise.then(String, (error: Error) => error.name);
  return Promise.race([settling, turns(200).then(() => 'open')]);
}

describe('a program whose calls go wrong', () => {
  it('passes on calls that go well, and methods that it was not given', async () => {
    const { face, target } = programOf(planOf({}));
    expect(await face.write('a')).toBe('a written');
    expect(face.untouched()).toBe(1);
    expect(face.name).toBe('target');
    expect(target.heard).toEqual(['a']);
  });

  it.each<[Trouble, string, string[]]>([
    ['fails', 'LostCall', ['second']],
    ['loses its answer', 'LostCall', ['first', 'second']],
    ['times out', 'LostCall', ['second']],
    ['is heard too late', 'LostCall', ['second', 'first']],
    ['hangs', 'first written', ['second', 'first']],
    ['is overtaken', 'first written', ['second', 'first']],
    ['answers late', 'first written', ['first', 'second']],
    ['is sent twice', 'first written', ['first', 'first', 'second']],
  ])('whose call %s', async (trouble, answer, heard) => {
    const { face, target, done, program } = programOf(planOf({ 1: trouble }));
    const first = standing(face.write('first'));
    await face.write('second');
    expect(await first).toBe(answer);
    await program.rest();
    expect(target.heard.toSorted()).toEqual(heard.toSorted());
    if (trouble !== 'is sent twice') expect(target.heard).toEqual(heard);
    expect(done.toSorted()).toEqual(heard.toSorted());
  });

  it.each<[Trouble, string[]]>([
    ['dies before it', []],
    ['dies after it', ['first']],
    ['dies during it', ['first']],
  ])('that %s hears of nothing any more, and does nothing', async (trouble, heard) => {
    const { face, target, program } = programOf(planOf({ 1: trouble }));
    const calls = [face.write('first'), face.write('second')];
    await program.death;
    const third = face.write('third');
    expect(await Promise.all([...calls, third].map(standing))).toEqual(['open', 'open', 'open']);
    await program.rest();
    expect(program.isAlive).toBe(false);
    expect(target.heard.filter((text) => text !== 'second')).toEqual(heard);
    expect(target.heard).not.toContain('third');
  });

  it('answers late: after the answer to the next call', async () => {
    const { face } = programOf(planOf({ 1: 'answers late' }));
    const answers: string[] = [];
    const note = (answer: string) => answers.push(answer);
    await Promise.all([face.write('first').then(note), face.write('second').then(note)]);
    expect(answers).toEqual(['second written', 'first written']);
  });

  it('does not wait for ever for a call that never comes', async () => {
    for (const trouble of ['hangs', 'is overtaken', 'answers late'] as const) {
      const { face } = programOf(planOf({ 1: trouble }));
      expect(await face.write('only')).toBe('only written');
    }
  });

  it('holds an answer until it releases it, or dies', async () => {
    const { face, target, program } = programOf(planOf({}));
    const claim = await face.claim('me');
    expect(claim.who).toBe('me');
    expect(program.holds).toBe(1);
    expect(await rejection(face.claim('other'))).toMatchObject({ message: 'held by me' });
    await claim.release();
    expect([program.holds, target.holders.size]).toEqual([0, 0]);
    await face.claim('me again');
    program.kill();
    await settled();
    expect(target.holders.size).toBe(0);
  });

  it.each(troubles.filter((trouble) => !trouble.startsWith('dies')))(
    'holds nothing that it does not know of, where its call %s',
    async (trouble) => {
      const { face, target, program } = programOf(planOf({ 1: trouble }));
      const outcome = await standing(face.claim('me').then(({ who }) => who));
      expect(program.holds).toBe(outcome === 'me' ? 1 : 0);
      expect(target.holders.size).toBe(program.holds);
    },
  );

  it.each(troubles.filter((trouble) => trouble.startsWith('dies')))('that %s holds nothing', async (trouble) => {
    const { face, target, program } = programOf(planOf({ 1: trouble }));
    void face.claim('me');
    await program.death;
    await program.rest();
    expect(target.holders.size).toBe(0);
  });

  it('still holds an answer whose release fails', async () => {
    const { face, target, program } = programOf(planOf({ 2: 'fails' }));
    const claim = await face.claim('me');
    expect(await rejection(claim.release())).toBeInstanceOf(LostCall);
    expect([program.holds, target.holders.size]).toEqual([1, 1]);
  });

  it('goes wrong in the same way for the same seed, and reports the seed', () => {
    const plans = [1, 1, 2].map((seed) => planFrom(seed, 0.3));
    const [one, same, other] = plans.map((plan) => Array.from({ length: 200 }, (_, call) => plan(call, 'write', call)));
    expect(one).toEqual(same);
    expect(one).not.toEqual(other);
    const share = (one ?? []).filter(Boolean).length / 200;
    expect(share).toBeGreaterThan(0.15);
    expect(share).toBeLessThan(0.45);
    expect(new Set(one).size).toBe(troubles.length + 1);
    const program = new Program(new Target(), { methods: ['write'], plan: planFrom(7, 0.3, ['fails']) });
    expect(String(program)).toContain('planFrom(7, 0.3, ["fails"])');
  });

  it('reports the calls, and what went wrong with them', async () => {
    const { face, program } = programOf(planOf({ 1: 'fails' }));
    await rejection(face.write('a'));
    await face.write('b');
    expect(String(program)).toContain('1 write("a"): fails');
    expect(String(program)).toContain('2 write("b")');
  });
});
