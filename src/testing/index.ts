export { type RecordedTask, type Recording, record } from './record.js';
export { type Fake, type Stub, stub } from './stub.js';
