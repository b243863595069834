// Preact with htm: `html` builds elements from templates, without a build step.
import { h } from './vendor/preact.js';
import htm from './vendor/htm.js';

export { render } from './vendor/preact.js';
export { useCallback, useEffect, useId, useMemo, useRef, useState } from './vendor/hooks.js';

export const html = htm.bind(h);
