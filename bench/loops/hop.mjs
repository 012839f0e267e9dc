/** The part of an iteration that runs in a worker of a pool: the second and the third node. Returns the sum so far. */
let sum = 0;

export default function hop(value) {
  sum += 2 * value;
  return sum;
}
