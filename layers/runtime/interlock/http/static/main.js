// The console: the frame around all pages, and the page that the address names.
import { html, render, useEffect, useState } from './lib.js';
import { forgetKey, key } from './api.js';
import { useRoute } from './router.js';
import { applyTheme } from './theme.js';
import { Frame } from './parts/frame.js';
import { SignIn } from './pages/sign_in.js';
import { PluginsPage } from './pages/plugins.js';
import { PluginPage } from './pages/plugin.js';
import { ToolPage } from './pages/tool.js';
import { JobsPage } from './pages/jobs.js';
import { JobPage } from './pages/job.js';
import { BatchesPage } from './pages/batches.js';
import { BatchPage } from './pages/batch.js';
import { NewBatchPage } from './pages/new_batch.js';
import { AccessPage } from './pages/access.js';

function pageOf({ parts: [section = 'plugins', first, second], query }) {
  if (section === 'plugins' && second)
    return html`<${ToolPage} key=${`${first}/${second}`} plugin=${first} tool=${second} />`;
  if (section === 'plugins' && first) return html`<${PluginPage} key=${first} name=${first} />`;
  if (section === 'plugins') return html`<${PluginsPage} />`;
  if (section === 'jobs' && first) return html`<${JobPage} key=${first} id=${first} />`;
  if (section === 'jobs') return html`<${JobsPage} query=${query} />`;
  if (section === 'batches' && first === 'new') return html`<${NewBatchPage} query=${query} />`;
  if (section === 'batches' && first) return html`<${BatchPage} key=${first} id=${first} />`;
  if (section === 'batches') return html`<${BatchesPage} query=${query} />`;
  if (section === 'access') return html`<${AccessPage} />`;
  return html`<h1>There is no such page</h1><p><a href="#/plugins">Go to the plugins</a></p>`;
}

function App() {
  const route = useRoute();
  const [refusal, setRefusal] = useState('');
  const [signedIn, setSignedIn] = useState(Boolean(key()));
  useEffect(() => {
    const signOut = ({ detail }) => {
      setRefusal(detail);
      setSignedIn(false);
    };
    addEventListener('interlock:signed-out', signOut);
    return () => removeEventListener('interlock:signed-out', signOut);
  }, []);
  // A page starts at its top, and its heading names the tab.
  const place = route.parts.join('/');
  useEffect(() => {
    scrollTo(0, 0);
    document.title = [...route.parts].reverse().concat('Interlock').join(' · ');
  }, [place]);
  if (!signedIn) return html`<${SignIn} refusal=${refusal} onAccepted=${() => setSignedIn(true)} />`;
  return html`<${Frame} section=${route.parts[0] ?? 'plugins'} onSignOut=${() => forgetKey()}>${pageOf(route)}<//>`;
}

applyTheme();
render(html`<${App} />`, document.getElementById('app'));
