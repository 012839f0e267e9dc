/** An object of a hundred bytes, as JSON counts them. */
export function messageOf(number) {
  return { number: 1e9 + number, kind: 'order', text };
}

const text = 'x'.repeat(100 - JSON.stringify({ number: 1e9, kind: 'order', text: '' }).length);

/** Throws for a message that is lost, doubled or out of order. */
export function inOrder() {
  let last = 0;
  return (message) => {
    const number = message.number - 1e9;
    if (number !== last + 1 || message.text !== text) throw new Error(`expected message ${last + 1}, got ${number}`);
    last = number;
  };
}
