export { type RecordedTask, type Recording, record } from './record.js';
export { type Fake, type Stub, type StubOptions, stub } from './stub.js';
