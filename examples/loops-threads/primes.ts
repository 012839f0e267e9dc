import { threadId } from 'node:worker_threads';
import { Loop } from 'orchestrator/loops';

/** A loop that is created in its thread or process, with the options given to it. */
export default function primes({ from, to }: { from: string; to: string }): Loop {
  return new Loop('primes')
    .read('numbers', from)
    .blocking('factor', (number: number) => ({ number, isPrime: isPrime(number), threadId }))
    .push('answer', to);
}

function isPrime(number: number): boolean {
  if (number % 7919 === 0) throw new RangeError(`${number} is unlucky`);
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return number > 1;
}
