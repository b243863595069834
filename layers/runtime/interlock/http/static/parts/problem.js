// Errors: what happened, and what can be done about it.
import { html } from '../lib.js';
import { words } from '../format.js';

const FIXES = {
  invalid_request: 'Correct the request and send it again.',
  invalid_input: 'Correct these fields and run the tool again.',
  unknown_plugin: 'The plugin is not installed here. Choose one from the list of plugins.',
  unknown_tool: 'The plugin has no such tool. Choose one from its page.',
  plugin_exception:
    "The plugin raised this exception. The same input is likely to fail again: read the log, change the input, or report it to the plugin's author.",
  plugin_crashed:
    "The plugin's process died, which is a defect of the plugin or a library. Report it to the plugin's author with the log.",
  invalid_output: "The plugin returned something else than it declares. Report it to the plugin's author.",
  output_too_large: 'The result is over the limit. Ask for less, such as a smaller image or fewer items.',
  plugin_unavailable: 'The plugin could not be loaded. An operator has to fix its installation.',
  memory_exceeded: "The tool used more memory than it may. Use a smaller input, or have the tool's limit raised.",
  worker_lost: 'The machine that ran the tool disappeared. Run it again.',
  input_required: 'The tool asks its caller questions. Call it with an MCP client, such as an agent.',
  forbidden:
    'This key lacks the scope for that. An operator can create one that has it: interlock keys create --scopes …',
  too_many_failures: 'More items failed than you tolerate, and the rest was cancelled. Open the failed jobs to see why.',
  not_found: 'It may have expired, or belong to another tenant.',
  not_finished: 'Wait until the job has finished.',
  already_finished: 'The job had finished before it could be cancelled.',
  expired: 'The input has been deleted. Run the tool anew from its page.',
  payload_too_large: 'Use smaller files. The console uploads large ones by itself.',
  rate_limited: 'Wait a moment and try again.',
  unavailable: 'Wait a moment and try again.',
  unreachable: '',
};

function fixOf({ code, details }) {
  if (code !== 'timeout') return FIXES[code];
  if (details?.limit === 'deadline') return 'The job was over its deadline. Submit it with a later one.';
  return "The tool ran into its time limit. Use a smaller input, or run it in the background with the tool's full limit.";
}

const detailsOf = ({ details = {} }) =>
  Object.entries(details).filter(([name, value]) => name !== 'errors' && value !== null && typeof value !== 'object');

/** `error` is the inner object of an envelope. */
export function Problem({ error }) {
  const fix = fixOf(error);
  return html`<section class="problem" role="alert">
    <strong class="problem-title">${words(error.code)}</strong>
    <p class="problem-message">${error.message}</p>
    <${FieldProblems} of=${error.details?.errors} />
    ${
      detailsOf(error).length > 0 &&
      html`<dl class="facts">${detailsOf(error).map(([name, value]) => html`<div><dt>${words(name)}</dt><dd>${String(value)}</dd></div>`)}</dl>`
    }
    ${fix && html`<p class="fix"><strong>What to do:</strong> ${fix}</p>`}
  </section>`;
}

const FieldProblems = ({ of }) =>
  of?.length > 0 &&
  html`<ul class="field-problems">
    ${of.map(({ path, message }) => html`<li><code>${path || '/'}</code> ${message}</li>`)}
  </ul>`;

/** What a page shows in place of content that could not be read. */
export const LoadProblem = ({ error }) => {
  if (!error) return null;
  return html`<${Problem} error=${error.error ?? { code: 'defect', message: String(error), details: {} }} />`;
};
