/** An object of about a hundred bytes of JSON. */
export function messageOf(number) {
  return { number: 1e9 + number, kind: 'order', text };
}

const text = 'x'.repeat(100 - JSON.stringify({ number: 1e9, kind: 'order', text: '' }).length);

/** Creates a check that throws if a message is lost, duplicated or out of order. */
export function inOrder() {
  let last = 0;
  return (message) => {
    const number = message.number - 1e9;
    if (number !== last + 1 || message.text !== text) throw new Error(`expected message ${last + 1}, got ${number}`);
    last = number;
  };
}
