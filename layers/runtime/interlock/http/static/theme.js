// Light, dark, or as the system is set. Only this choice outlives the session.
const STORED = 'interlock.theme';

export const THEMES = ['system', 'light', 'dark'];
export const theme = () => localStorage.getItem(STORED) ?? 'system';

export function chooseTheme(choice) {
  localStorage.setItem(STORED, choice);
  applyTheme();
}

export function applyTheme() {
  const choice = theme();
  if (choice === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = choice;
}
