export { type Redactor, redactorOf } from './redactor.js';
