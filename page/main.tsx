import { render } from 'preact';
import { App } from './app.js';
import { applyColours } from './parts/looks.js';
import { keepFocus } from './state/focus.js';
import { followAddress } from './state/route.js';
import { openSession } from './state/session.js';
import { listenToKeys } from './state/shortcuts.js';
import { openStream } from './state/stream/index.js';
import './styles/page.css';

applyColours();
openSession();
followAddress();
listenToKeys();
keepFocus();
openStream();

const root = document.getElementById('page');
if (root !== null) render(<App />, root);
